/** Asks a browser for a passkey, whichever it has: none is named, so that nothing shows of who has one. */
import { introduce } from "../pages/pages.ts";
import type { Details, Onward, PageKit, PageVisit } from "../visit.ts";
import { challengeMs, openChallenge } from "./challenges.ts";
import { renderPasskeyPage, sendPasskeyPage } from "./page.ts";
import { findSite } from "./site.ts";

export type PasskeyForm = Onward & { readonly csrf: string };

/** Where in the store a login's challenge is. */
export function placeOf({ uid }: Pick<Details, "uid">): string {
  return `login ${uid}`;
}

const other = `<a href="">Use a password instead</a>`;
const onlyKey = `Take a passkey that stays on one device. <a href="">If you have none</a>`;

/** @param problem why it is asked, or asked again; null where somebody chose to */
export async function askPasskey(
  { store, publicUrl, now }: PageKit,
  { response }: PageVisit,
  details: Details,
  asking: PasskeyForm,
  status = 200,
  problem: string | null = null,
): Promise<void> {
  const challenge = await openChallenge(store, placeOf(details), now());
  const { rpId } = findSite(publicUrl) ?? {};
  const html = renderPasskeyPage({
    title: "Use a passkey",
    introduction: `${introduce(asking)}\n<p>Your browser asks you to show that it is you. ${asking.hardware === true ? onlyKey : other}</p>`,
    fields: "",
    csrf: asking.csrf,
    options: { challenge, rpId, userVerification: "required", timeout: challengeMs },
    button: "Use your passkey",
    act: "passkey-answer",
    others: `<button name="do" value="cancel" class="second">Cancel</button>`,
    problem,
  });
  sendPasskeyPage(response, status, html, asking.onward);
}
