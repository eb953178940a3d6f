import { z } from "zod";
import type { Kind } from "../../state/store.ts";

/** Somebody who logs in at the gateway itself, by name. */
const userSchema = z.strictObject({
  groups: z.array(z.string()),
  /** As password.ts writes it; null for one who has none yet, and cannot log in. */
  password: z.string().nullable(),
  disabled: z.boolean(),
  createdAtMs: z.number(),
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
