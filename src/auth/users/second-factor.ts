/** What people prove besides their password: a code of an app, or, without it, one of the codes they were given for that. Pure. */
import { hash, randomBytes } from "node:crypto";
import { z } from "zod";
import type { Kind } from "../../state/store.ts";
import { encodeBase32, matchCode, secretBytes } from "./totp.ts";

const secondFactorSchema = z.strictObject({
  /** Of the app, in base64url. */
  secret: z.string(),
  /** Counter of the code that was used last; -1 before that. */
  used: z.number(),
  /** Digests of the recovery codes that are left. */
  recovery: z.array(z.string()),
});
export type SecondFactor = z.output<typeof secondFactorSchema>;

/** Where they are kept: by the name of the user. */
export const secondFactors: Kind<SecondFactor> = { name: "second-factor", schema: secondFactorSchema };

const recoveryCodes = 10;
/** So many random bits need no slow hash at rest (NIST SP 800-63B section 3.1.2.2: from 112 on). */
const recoveryBytes = 15;

/** A second factor, and what of it has to be shown to its owner now or never. */
export interface NewSecondFactor {
  readonly factor: SecondFactor;
  readonly secret: Uint8Array;
  /** Four letters and digits, six times. */
  readonly recovery: readonly string[];
}

export function createSecondFactor(): NewSecondFactor {
  const secret = randomBytes(secretBytes);
  const codes = Array.from({ length: recoveryCodes }, () => encodeBase32(randomBytes(recoveryBytes)).toLowerCase());
  return {
    factor: { secret: secret.toString("base64url"), used: -1, recovery: codes.map(digest) },
    secret,
    recovery: codes.map((code) => code.match(/.{4}/g)?.join("-") ?? code),
  };
}

/** A code that was accepted. */
export interface Spent {
  readonly by: "totp" | "recovery";
  /** What is left: it has to be kept before anybody is let in. */
  readonly left: SecondFactor;
}

/**
 * Takes a code as people type it, with spaces and hyphens wherever they like.
 *
 * @param nowMs milliseconds since the epoch
 * @returns null for one that is not right or was used
 */
export function spendCode(factor: SecondFactor, typed: string, nowMs: number): Spent | null {
  const code = typed.replaceAll(/[\s-]/g, "").toLowerCase();
  if (/^\d{6}$/.test(code)) {
    const used = matchCode(Buffer.from(factor.secret, "base64url"), code, factor.used, nowMs);
    return used === null ? null : { by: "totp", left: { ...factor, used } };
  }
  const recovery = factor.recovery.filter((each) => each !== digest(code));
  return recovery.length === factor.recovery.length ? null : { by: "recovery", left: { ...factor, recovery } };
}

function digest(code: string): string {
  return hash("sha256", code, "base64url");
}
