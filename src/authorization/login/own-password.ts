/** Who has a password at the gateway itself. */
import { users } from "../../auth/users/user.ts";
import type { PageKit } from "../visit.ts";

/** Whether somebody has a password here: those who log in elsewhere must not be able to do so here once they are gone there. */
export async function hasPassword({ store }: Pick<PageKit, "store">, name: string): Promise<boolean> {
  return (await store.get(users, name))?.value.password != null;
}

/** Whether somebody has a password that lets them in. */
export async function canChangePassword(kit: Pick<PageKit, "store" | "passwords">, name: string): Promise<boolean> {
  return kit.passwords && (await hasPassword(kit, name));
}
