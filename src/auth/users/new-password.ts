/** Whether somebody may take a password: by the rules, and by lists of those that were breached. Nobody is asked over the network. */
import { isInBreachFile } from "./breach-file.ts";
import { checkPassword, isMadeOf } from "./password-rules.ts";

/** Why a new password is refused, and in the message what to do. */
export class PasswordRefusal extends Error {
  override name = "PasswordRefusal";
  readonly reason: "password_weak" | "password_breached";

  constructor(reason: PasswordRefusal["reason"], message: string) {
    super(message);
    this.reason = reason;
  }
}

/**
 * Resolves for a password that may be taken.
 *
 * @param user the name of whom it is for
 * @throws PasswordRefusal, and BreachFileError where the operator's list cannot be searched: then no password may be taken
 */
export type JudgePassword = (password: string, user: string) => Promise<void>;

const advice = "take a few words that have nothing to do with each other";

/** @param breachFile path of the operator's own list, as breach-file.ts reads it; null where there is none */
export function createPasswordJudge(breachFile: string | null): JudgePassword {
  return async (password, user) => {
    try {
      checkPassword(password, user);
    } catch (error) {
      throw new PasswordRefusal("password_weak", (error as Error).message);
    }
    if (isMadeOf(await loadListed(), password, user))
      throw new PasswordRefusal(
        "password_breached",
        `the password is made of one that many have had stolen; ${advice}`,
      );
    if (breachFile !== null && (await isInBreachFile(breachFile, password)))
      throw new PasswordRefusal("password_breached", `somebody has had this password stolen; ${advice}`);
  };
}

/** The most common ones. They take 26 MB, and are loaded when a password is chosen for the first time. */
async function loadListed(): Promise<ReadonlySet<string>> {
  const { dictionary } = await import("@zxcvbn-ts/language-common");
  return new Set(dictionary["passwords-common"]);
}
