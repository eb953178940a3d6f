import { z } from "zod";
import type { Kind } from "../../state/store.ts";

/** Somebody who logs in at the gateway itself, by name. */
const userSchema = z.strictObject({
  groups: z.array(z.string()),
  /** As password.ts writes it; null for one who has none yet, and cannot log in. */
  password: z.string().nullable(),
  disabled: z.boolean(),
  createdAtMs: z.number(),
  /** Logins before it have ended, in seconds since the epoch. */
  loginsFrom: z.number().default(0),
  /** There for a password that an operator knows: until when it opens the page on which another is chosen, and nothing else. */
  temporaryUntilMs: z.number().optional(),
});
export type User = z.output<typeof userSchema>;

/** Where they are kept: by name. */
export const users: Kind<User> = { name: "user", schema: userSchema };

/** A name in lower case, so that no two look alike; an e-mail address will do. */
const nameForm = /^[a-z0-9][a-z0-9._+@-]{0,126}$/;

/** The name as it is kept; undefined for one that nobody may have. */
export function readUserName(text: string): string | undefined {
  const name = text.trim().toLowerCase();
  return nameForm.test(name) ? name : undefined;
}

/**
 * {@link User.loginsFrom} for a user whose logins up to now are to end. Logins are known by the second, so it is the next one; and later than
 * what it was, since logins of that second may be there already, or the clock was set back.
 */
export function endLogins(nowMs: number, { loginsFrom }: Pick<User, "loginsFrom">): Pick<User, "loginsFrom"> {
  return { loginsFrom: Math.max(Math.floor(nowMs / 1_000), loginsFrom) + 1 };
}
