import { isIP } from "node:net";
import type { Site } from "../../auth/users/passkeys/answer.ts";
import { users } from "../../auth/users/user.ts";
import type { PageKit } from "../visit.ts";

/** The gateway as browsers know it; null where they have no passkeys for it, as under an address without a name (section 5.1.3). */
export function findSite(publicUrl: string): Site | null {
  const { hostname } = new URL(publicUrl);
  return isIP(hostname.replace(/^\[|\]$/g, "")) === 0 ? { origin: publicUrl, rpId: hostname } : null;
}

/** Whether somebody has a password here: those who log in elsewhere must not be able to do so here once they are gone there. */
export async function hasPassword({ store }: Pick<PageKit, "store">, name: string): Promise<boolean> {
  return (await store.get(users, name))?.value.password != null;
}

/** Whether somebody has a password that lets them in. */
export async function canChangePassword(kit: Pick<PageKit, "store" | "passwords">, name: string): Promise<boolean> {
  return kit.passwords && (await hasPassword(kit, name));
}

/** Whether somebody can add passkeys of their own. */
export async function canHavePasskeys(kit: Pick<PageKit, "store" | "publicUrl">, name: string): Promise<boolean> {
  return findSite(kit.publicUrl) !== null && (await hasPassword(kit, name));
}
