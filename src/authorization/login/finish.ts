/** The end of a login, whichever way somebody proved who they are. */
import { randomBytes } from "node:crypto";
import type Provider from "oidc-provider";
import { errors } from "oidc-provider";
import type { Account } from "../../auth/users/directory.ts";
import type { mfaContext } from "../demands.ts";
import { digestBrowser, findBrowser, newToken, rememberAway } from "../federation/away.ts";
import { recognizeBrowser, rememberBrowser } from "../sessions/browsers.ts";
import type { Details, PageKit, PageVisit } from "../visit.ts";

/** How somebody proved who they are. */
export interface Proof {
  /** RFC 8176. */
  readonly amr: string[];
  /** There with a second factor. */
  readonly acr?: typeof mfaContext;
}

/**
 * Logs somebody in, and knows the browser from then on.
 *
 * @throws SessionNotFound where their logins have ended since they were looked at
 */
export async function finish(
  { provider, users, fingerprint, now }: PageKit,
  visit: PageVisit,
  details: Details,
  { name, loginsFrom }: Account,
  proof: Proof,
): Promise<void> {
  const { request, response, note } = visit;
  note.user = name;
  // Not of those that have ended within this very second.
  const ts = Math.max(Math.floor(now() / 1_000), loginsFrom);
  // A password takes a while to be looked at, and may be another one by now: what is changed after this is later than the login.
  if ((await users.find(name))?.loginsFrom !== loginsFrom)
    throw new errors.SessionNotFound("the account was changed meanwhile");
  note.successful = true;
  if (recognizeBrowser(fingerprint, name, request.headers.cookie, now()) === null) note.newBrowser = true;
  response.appendHeader("set-cookie", rememberBrowser(fingerprint, name, randomBytes(16).toString("hex"), now()));
  // The one that goes on from here (resume.ts).
  const browser = findBrowser(request.headers.cookie) ?? newToken();
  response.appendHeader("set-cookie", rememberAway(browser));
  await leaveOthers(provider, visit, details, name);
  const login = { accountId: name, ...proof, ts, remember: true, browser: digestBrowser(browser) };
  // What was said in the same request before was another login's: its consent, and that its person has been told.
  await provider.interactionFinished(request, response, { login }, { mergeWithLastSubmission: false });
}

/**
 * Whoever logs in as somebody else is not who was logged in before: on this page when it was opened, or in this browser since, from another
 * tab. The library would have that confirmed on a page of its own.
 */
export async function leaveOthers(
  provider: Provider,
  { request, response }: Pick<PageVisit, "request" | "response">,
  details: Details,
  name: string,
): Promise<void> {
  const here = await provider.Session.get(provider.createContext(request, response));
  if (here.accountId !== undefined && here.accountId !== name) await here.destroy();
  if (details.session === undefined || (details.session.uid === here.uid && here.accountId === name)) return;
  await leaveSession(provider, details);
}

/** Has a login go on without the one before it. */
export async function leaveSession(provider: Provider, details: Details): Promise<void> {
  const session = await provider.Session.findByUid(details.session?.uid ?? "");
  await session?.destroy();
  delete details.session;
  await details.persist();
}
