/** A password that somebody has typed twice to have it from now on, on a page of theirs or in their first login. */
import { BreachFileError } from "../../auth/users/breach-file.ts";
import type { Account } from "../../auth/users/directory.ts";
import { PasswordRefusal } from "../../auth/users/new-password.ts";
import { endLogins, type User, users } from "../../auth/users/user.ts";
import type { Entry } from "../../state/store.ts";
import type { PageKit } from "../visit.ts";

/** Why it was not taken: for the record, and for its author. */
export interface Refused {
  readonly status: number;
  readonly reason: string;
  readonly problem: string;
}

/** What was typed twice, where somebody may have it. */
export async function readChosen(
  { judgePassword, report }: Pick<PageKit, "judgePassword" | "report">,
  form: URLSearchParams,
  name: string,
): Promise<string | Refused> {
  const [first = "", second = ""] = [form.get("new"), form.get("again")].map(String);
  if (first !== second) return { status: 400, reason: "password_mismatch", problem: "The two are not the same." };
  try {
    await judgePassword(first, name);
    return first;
  } catch (error) {
    if (error instanceof PasswordRefusal)
      return { status: 400, reason: error.reason, problem: `It was not taken: ${error.message}.` };
    if (!(error instanceof BreachFileError)) throw error;
    report(error);
    const problem = "No password can be changed at the moment. Tell the operator of the gateway.";
    return { status: 503, reason: "password_unchecked", problem };
  }
}

export const sameAgain: Refused = {
  status: 400,
  reason: "password_same",
  problem: "It is the password of now. Choose another one.",
};

export const timeIsOver: Refused = {
  status: 403,
  reason: "password_expired",
  problem: "This password was for your first login, and its time is over. Ask the operator of the gateway.",
};

/** What there is to say where somebody else has changed the account at the same time. */
export const changedElsewhere: Refused = {
  status: 409,
  reason: "password_changed",
  problem: "Your account was changed meanwhile. Log in again, with the password of now.",
};

/**
 * Gives somebody the password that they chose, and ends the logins that there are.
 *
 * @param found the account as it was when they proved that it is theirs
 * @param hash of what they chose
 * @returns null where it is another one by now
 */
export async function replacePassword(
  { store, now }: Pick<PageKit, "store" | "now">,
  name: string,
  { value, revision }: Entry<User>,
  hash: string,
): Promise<Account | null> {
  const { temporaryUntilMs: _, ...user } = value;
  const changed = { ...user, password: hash, ...endLogins(now(), user) };
  if (user.disabled || (await store.put(users, name, changed, { expected: revision })) === null) return null;
  return { name, groups: changed.groups, loginsFrom: changed.loginsFrom };
}
