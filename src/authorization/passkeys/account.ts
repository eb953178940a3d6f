/**
 * The page on which people add passkeys and remove them. Whoever has only got hold of a browser that is logged in must not gain a key of
 * their own by it: it takes a login of the last minutes, and one with a second factor of whoever has one.
 */
import { PasskeyError, readRegistration } from "../../auth/users/passkeys/answer.ts";
import { markOf, readLabel } from "../../auth/users/passkeys/passkey.ts";
import { algorithms, verifyRegistration } from "../../auth/users/passkeys/verify.ts";
import { admitOwner } from "../account/owner.ts";
import { toAccount } from "../account/pages.ts";
import { type AccountVisit, findVisitor, readForm, show, type Visitor } from "../account/visitor.ts";
import { addLogout, renderProblem } from "../pages/pages.ts";
import { passkeysPath } from "../paths.ts";
import { type PageKit, refuseMethod, send, sendFailure } from "../visit.ts";
import { challengeMs, openChallenge, takeChallenge } from "./challenges.ts";
import { renderAdded, renderPasskeyList } from "./list-page.ts";
import { renderPasskeyPage, sendPasskeyPage } from "./page.ts";
import { findSite } from "./site.ts";

const foreign = {
  title: "There are no passkeys for you",
  text: "Passkeys are for people who have a password at this gateway.",
};

/** Answers a request for {@link passkeysPath}; whatever goes wrong ends on a page as well. */
export async function servePasskeys(kit: PageKit, visit: AccountVisit): Promise<void> {
  const { request, response, note } = visit;
  try {
    if (request.method !== "GET" && request.method !== "POST") return refuseMethod(response, note, "GET, POST");
    if (findSite(kit.publicUrl) === null) {
      Object.assign(note, { successful: false, reason: "passkeys_unavailable" });
      const text = "Passkeys take a host name, and this gateway has only an address.";
      return send(response, 404, renderProblem("There are no passkeys here", text, toAccount), []);
    }
    const visitor = await admitOwner(kit, visit, passkeysPath, foreign);
    if (visitor === null) return;
    if (request.method === "POST") return await act(kit, visit, visitor);
    note.action = "passkeys-page";
    await showList(kit, visit, visitor);
  } catch (error) {
    sendFailure(kit, visit, error);
  }
}

async function act(kit: PageKit, visit: AccountVisit, visitor: Visitor): Promise<void> {
  const form = readForm(kit, visit, visitor);
  if (form === null) return;
  const wanted = form.get("do");
  if (wanted === "add") return askForNew(kit, visit, visitor);
  if (wanted === "passkey-made") return add(kit, visit, visitor, form);
  if (wanted === "remove") return remove(kit, visit, visitor, form.get("id") ?? "");
  await showList(kit, visit, visitor);
}

async function showList(
  { passkeys }: PageKit,
  visit: AccountVisit,
  visitor: Visitor,
  status = 200,
  problem: string | null = null,
): Promise<void> {
  const { account, csrf } = visitor;
  const page = { user: account.name, csrf, keys: await passkeys.list(account.name), problem };
  show(visit, visitor, status, renderPasskeyList(page));
}

async function askForNew(
  { store, passkeys, publicUrl, now }: PageKit,
  { response, note }: AccountVisit,
  visitor: Visitor,
) {
  const { name } = visitor.account;
  note.action = "passkey-page";
  const known = await passkeys.list(name);
  const challenge = await openChallenge(store, placeOf(visitor), now());
  const html = renderPasskeyPage({
    title: "Add a passkey",
    introduction: `<p>Your browser asks you where to keep it. <a href="">Back to your passkeys</a></p>`,
    fields: `<label for="label">What you call it, such as the device it is on</label>
<input id="label" name="label" maxlength="60" autocomplete="off" required autofocus>
`,
    csrf: visitor.csrf,
    options: {
      challenge,
      rp: { id: findSite(publicUrl)?.rpId, name: "Sallyport" },
      user: { id: await passkeys.handleOf(name), name, displayName: name },
      pubKeyCredParams: algorithms.map((alg) => ({ type: "public-key", alg })),
      excludeCredentials: known.map(({ id, transports }) => ({ type: "public-key", id, transports })),
      authenticatorSelection: { residentKey: "required", requireResidentKey: true, userVerification: "required" },
      attestation: "none",
      timeout: challengeMs,
    },
    button: "Add a passkey",
    act: "passkey-made",
    others: "",
    problem: null,
  });
  sendPasskeyPage(response, 200, addLogout(html, visitor.csrf), []);
}

const refusals: Readonly<Partial<Record<PasskeyError["reason"], string>>> = {
  passkey_full: "You have as many passkeys as you may: remove one first.",
  passkey_expired: "This took too long. Try again.",
  passkey_unverified: "The device did not ask who you are. Take one with a PIN, a fingerprint or a face.",
};

async function add(kit: PageKit, visit: AccountVisit, visitor: Visitor, form: URLSearchParams): Promise<void> {
  const { note } = visit;
  note.action = "passkey-add";
  try {
    const challenge = await takeChallenge(kit.store, placeOf(visitor));
    const site = findSite(kit.publicUrl);
    if (challenge === null || site === null) throw new PasskeyError("passkey_expired");
    const answer = readRegistration(form.get("answer") ?? "");
    const key = await verifyRegistration(site, challenge, answer, readLabel(form.get("label") ?? ""), kit.now());
    const end = await kit.passkeys.add(visitor.account.name, key);
    if (end !== "added") throw new PasskeyError(end === "full" ? "passkey_full" : "passkey_known");
    // What is ended meanwhile was looked for before this was there.
    if ((await findVisitor(kit, visit)) === null) {
      await kit.passkeys.remove(visitor.account.name, key.id);
      Object.assign(note, { successful: false, reason: "login_gone" });
      const text = "You were logged out meanwhile. Log in again.";
      return send(visit.response, 403, renderProblem("The passkey was not added", text, toAccount), []);
    }
    Object.assign(note, { successful: true, which: markOf(key.id) });
    // Not to the list: where it was the first one, that takes a login with it from now on.
    show(visit, visitor, 200, renderAdded());
  } catch (error) {
    if (!(error instanceof PasskeyError)) throw error;
    Object.assign(note, { successful: false, reason: error.reason });
    await showList(kit, visit, visitor, 403, refusals[error.reason] ?? "The passkey was not accepted. Try again.");
  }
}

async function remove(kit: PageKit, visit: AccountVisit, visitor: Visitor, id: string): Promise<void> {
  const { note } = visit;
  note.action = "passkey-remove";
  const removed = await kit.passkeys.remove(visitor.account.name, id);
  // Removed twice, or somebody else's.
  if (removed === null) Object.assign(note, { successful: false, reason: "passkey_unknown" });
  else Object.assign(note, { successful: true, which: markOf(removed.id) });
  // To the list anew, so that nothing is sent again when the page is loaded again.
  visit.response.writeHead(303, { location: passkeysPath, "cache-control": "no-store" }).end();
}

/** Where in the store the challenge is: one of each login. */
function placeOf({ uid, account }: Visitor): string {
  return `add ${JSON.stringify([uid, account.name])}`;
}
