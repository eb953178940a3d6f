import { isIP } from "node:net";
import type { Site } from "../../auth/users/passkeys/answer.ts";
import { hasPassword } from "../login/own-password.ts";
import type { PageKit } from "../visit.ts";

/** The gateway as browsers know it; null where they have no passkeys for it, as under an address without a name (section 5.1.3). */
export function findSite(publicUrl: string): Site | null {
  const { hostname } = new URL(publicUrl);
  return isIP(hostname.replace(/^\[|\]$/g, "")) === 0 ? { origin: publicUrl, rpId: hostname } : null;
}

/** Whether somebody can add passkeys of their own. */
export async function canHavePasskeys(kit: Pick<PageKit, "store" | "publicUrl">, name: string): Promise<boolean> {
  return findSite(kit.publicUrl) !== null && (await hasPassword(kit, name));
}
