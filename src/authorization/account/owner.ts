/** Who may change how somebody logs in: whoever has only got hold of a browser that is logged in may not. */

import { hasPassword } from "../login/own-password.ts";
import { renderProblem } from "../pages/pages.ts";
import { findSite } from "../passkeys/site.ts";
import type { PageKit } from "../visit.ts";
import { toAccount } from "./pages.ts";
import { type AccountVisit, admit, show, type Visitor } from "./visitor.ts";

const maxAgeMs = 300_000;

/**
 * Lets in who logged in here within the last minutes, and with a second factor where they have one.
 *
 * @param place path of the page
 * @param foreign what to say to people who have no password here
 * @returns null where the visit is answered
 */
export async function admitOwner(
  kit: PageKit,
  visit: AccountVisit,
  place: string,
  foreign: { readonly title: string; readonly text: string },
): Promise<Visitor | null> {
  const known = await admit(kit, visit, place);
  if (known === null) return null;
  const { name } = known.account;
  if (!(await hasPassword(kit, name))) {
    Object.assign(visit.note, { successful: false, reason: "password_missing" });
    show(visit, known, 403, renderProblem(foreign.title, foreign.text, toAccount));
    return null;
  }
  const hasPasskey = findSite(kit.publicUrl) !== null && (await kit.passkeys.list(name)).length > 0;
  const mfa = hasPasskey || (await kit.secondFactors.has(name));
  return admit(kit, visit, place, { mfa, maxAgeMs });
}
