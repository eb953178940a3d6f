/** The step in which somebody proves who they are by a passkey: what they have, and what they know or are, so that it is a second factor as well. */
import { type Assertion, PasskeyError, readAssertion } from "../../auth/users/passkeys/answer.ts";
import { markOf } from "../../auth/users/passkeys/passkey.ts";
import type { FoundPasskey } from "../../auth/users/passkeys/passkeys.ts";
import { verifyAssertion } from "../../auth/users/passkeys/verify.ts";
import { enter } from "../login/first-password.ts";
import { sayTooMany } from "../pages/spans.ts";
import { recognizeBrowser } from "../sessions/browsers.ts";
import type { Details, PageKit, PageVisit } from "../visit.ts";
import { askPasskey, type PasskeyForm, placeOf } from "./ask.ts";
import { takeChallenge } from "./challenges.ts";
import { findSite } from "./site.ts";

/** Answers what the browser said. What is wrong with it is not said, but on record. */
export async function checkPasskey(
  kit: PageKit,
  visit: PageVisit,
  details: Details,
  form: URLSearchParams,
  asking: PasskeyForm,
): Promise<void> {
  const { note } = visit;
  const again = (status: number, problem: string, reason: string) => {
    Object.assign(note, { successful: false, reason });
    return askPasskey(kit, visit, details, asking, status, problem);
  };
  try {
    const answer = readAssertion(form.get("answer") ?? "");
    const found = await kit.passkeys.find(answer.id);
    if (found !== null) Object.assign(note, { user: found.name, which: markOf(found.key.id) });
    const waitMs = await delayOf(kit, visit, found);
    if (waitMs !== null) return await again(429, sayTooMany(waitMs), "login_limited");
    const { name, key } = await check(kit, details, answer, found);
    const account = await kit.users.find(name);
    if (account === null) throw new PasskeyError("passkey_disabled");
    note.factor = "passkey";
    if (asking.hardware === true && key.copyable)
      return await again(403, "This passkey can be copied. Take one that stays on one device.", "passkey_copyable");
    // What can be copied is no piece of hardware (RFC 8176).
    const amr = [key.copyable ? "swk" : "hwk", "user", "mfa"];
    await enter(kit, visit, details, account, amr, asking);
  } catch (error) {
    if (!(error instanceof PasskeyError)) throw error;
    await again(403, "This passkey was not accepted.", error.reason);
  }
}

/** @throws PasskeyError */
async function check(
  kit: PageKit,
  details: Details,
  answer: Assertion,
  found: FoundPasskey | null,
): Promise<FoundPasskey> {
  // Before anything else is looked at: whatever comes of it, it was the one answer.
  const challenge = await takeChallenge(kit.store, placeOf(details));
  const site = findSite(kit.publicUrl);
  if (challenge === null || site === null) throw new PasskeyError("passkey_expired");
  if (found === null) throw new PasskeyError("passkey_unknown");
  const use = await verifyAssertion(site, challenge, answer, found);
  const end = await kit.passkeys.use(found.name, found.key.id, use);
  if (end !== "used") throw new PasskeyError(end === "counter" ? "passkey_counter" : "passkey_unknown");
  return found;
}

/** Counted apart from passwords, so that whoever guesses at those keeps nobody from their passkey. The space is in no user name. */
function delayOf({ delay, fingerprint, now }: PageKit, { request, ip }: PageVisit, found: FoundPasskey | null) {
  const { cookie } = request.headers;
  const browser = found === null ? null : recognizeBrowser(fingerprint, found.name, cookie, now());
  return delay(`passkey ${found?.name ?? ""}`, ip, browser);
}
