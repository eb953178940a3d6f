import { randomBytes } from "node:crypto";
import { hashPassword } from "../../auth/users/password.ts";
import { encodeBase32 } from "../../auth/users/totp.ts";
import type { User } from "../../auth/users/user.ts";
import type { StatefulParts } from "../../config/parts.ts";
import { readNewPassword } from "./secret.ts";

/** How long a temporary password is good for, in milliseconds: a long weekend. */
const temporaryMs = 3 * 86_400_000;
/** 120 bits, as 24 letters and digits. */
const secretBytes = 15;

export const permanentOption = [
  "--permanent",
  "give a password that stays: it is asked for, or read from stdin, and you know it from then on",
] as const;

/** A password that an operator gives somebody. */
export interface GivenPassword {
  readonly kept: Pick<User, "password" | "temporaryUntilMs">;
  /** What the operator passes on; null for one that they chose themselves. */
  readonly shown: { readonly password: string; readonly until: string } | null;
}

/**
 * A password for somebody: made up, and good for nothing but choosing another; typed, or read from stdin, where it is to stay.
 *
 * @throws Error for one that is refused, or was not typed the same twice
 */
export async function givePassword(
  name: string,
  permanent: boolean,
  config: StatefulParts,
  nowMs: number,
): Promise<GivenPassword> {
  if (permanent) return { kept: { password: await hashPassword(await readNewPassword(name, config)) }, shown: null };
  const password = encodeBase32(randomBytes(secretBytes)).toLowerCase().match(/.{4}/g)?.join("-") ?? "";
  const temporaryUntilMs = nowMs + temporaryMs;
  const kept = { password: await hashPassword(password), temporaryUntilMs };
  return { kept, shown: { password, until: new Date(temporaryUntilMs).toISOString() } };
}

/** What there is to say of a password that was made up, as a line. */
export function sayTemporary(shown: GivenPassword["shown"]): string {
  return shown === null ? "" : `temporary password, good until ${shown.until}: ${shown.password}\n`;
}
