/**
 * Who is in front of a page of ours that belongs to no authorization request. To add such a page:
 *
 * 1. Give it a path in `paths.ts`, and send requests for it to a function of yours in `answering.ts`, beside {@link serveAccount}.
 * 2. Add the path to the places of `way-back.ts`, where browsers may come back to.
 * 3. Begin with {@link admit}: null means that the visit is answered already. What it returns names the account.
 *    Answer with {@link show}, whatever the page says: it has the way to log out.
 * 4. Read what is posted with {@link readForm}, and put `visitor.csrf` into each form, in a hidden field `csrf`.
 * 5. Say in `visit.note` what was done: it becomes the audit record. {@link admit} has put in who did it.
 */
import { createHash, randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Account } from "../../auth/users/directory.ts";
import { type Demand, isMet, mfaContext, undatedSeconds } from "../demands.ts";
import type { DeskNote } from "../desk.ts";
import { addLogout, renderProblem } from "../pages/pages.ts";
import { backPath, mount } from "../paths.ts";
import { type PageKit, send } from "../visit.ts";
import { accountClientId, readReturn } from "./client.ts";
import { isPlace, keepNonce, openPlace, readNonce, sealPlace } from "./way-back.ts";

/** A request to a page outside an authorization request. */
export interface AccountVisit {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Without the query. */
  readonly path: string;
  readonly body: Buffer;
  readonly ip: string;
  readonly note: DeskNote;
}

/** Somebody whose browser is logged in. */
export interface Visitor {
  /** As it is now: not disabled, and not without this login since. */
  readonly account: Account;
  readonly login: {
    /** `mfa` after a second factor. */
    readonly acr?: string | undefined;
    /** RFC 8176; empty where nothing is known. */
    readonly amr: readonly string[];
    /** Seconds since the epoch. */
    readonly authTime: number;
  };
  /** Seconds since the epoch: when they logged in; of whom nobody says when, when their browser last came back from where they did. */
  readonly seenAt: number;
  /** Names the browser's login for as long as it lasts; not what is in its cookie. */
  readonly uid: string;
  /** For the forms of the page. */
  readonly csrf: string;
}

/** Somebody who is logged in, however long ago and however. */
export const anyLogin: Demand = { mfa: false, maxAgeMs: null };

/** Whoever finds a browser that somebody has left logged in must not take away, or put an end to, what is not of this browser. */
export const recentLogin: Demand = { mfa: false, maxAgeMs: 15 * 60_000 };

/** Whether a login will do. */
export function meets({ login, seenAt }: Pick<Visitor, "login" | "seenAt">, demand: Demand, nowMs: number): boolean {
  return isMet(demand, { acr: login.acr, authTime: seenAt }, nowMs);
}

/** Who is logged in with this browser; null where nobody is, or no longer. */
export async function findVisitor(
  { provider, findAccount, fingerprint }: PageKit,
  { request, response }: Pick<AccountVisit, "request" | "response">,
): Promise<Visitor | null> {
  const session = await provider.Session.get(provider.createContext(request, response));
  const { accountId, loginTs, acr, amr, uid } = session;
  const account = accountId === undefined ? null : await findAccount(accountId);
  if (account === null || (loginTs ?? 0) < account.loginsFrom) return null;
  const login = { acr, amr: amr ?? [], authTime: loginTs ?? 0 };
  const seenAt = loginTs === undatedSeconds ? (readReturn(session) ?? loginTs) : login.authTime;
  return { account, login, seenAt, uid, csrf: csrfOf(fingerprint, uid, account.name) };
}

/** What stands in the forms of somebody's account pages. @param uid of the browser's login */
export function csrfOf(fingerprint: PageKit["fingerprint"], uid: string, name: string): string {
  return fingerprint("account-form", JSON.stringify([uid, name]));
}

/** Answers somebody who is logged in, with a page on which they can log out. */
export function show({ response }: Pick<AccountVisit, "response">, { csrf }: Visitor, status: number, html: string) {
  send(response, status, addLogout(html, csrf), []);
}

/**
 * Lets somebody in whose login is good enough, and sends any other browser to log in, from where it comes back to `place`. What was
 * posted is lost on the way, so a page should demand for being shown what it takes for its forms.
 *
 * @param place path of ours, with its query if it needs one, among those of way-back.ts
 * @param demand with an age of a minute at least, in whole seconds: whoever comes back from a login needs some time for it
 * @returns null where the browser was sent away
 * @throws Error for a place that nobody may come back to
 */
export async function admit(
  kit: PageKit,
  visit: AccountVisit,
  place: string,
  demand: Demand = anyLogin,
): Promise<Visitor | null> {
  if (!isPlace(place)) throw new Error(`${place} is no place to come back to`);
  const visitor = await findVisitor(kit, visit);
  if (visitor !== null && meets(visitor, demand, kit.now())) {
    visit.note.user = visitor.account.name;
    return visitor;
  }
  const nonce = readNonce(visit.request.headers.cookie) ?? randomBytes(16).toString("hex");
  const params = new URLSearchParams({
    client_id: accountClientId,
    response_type: "code",
    scope: "openid",
    redirect_uri: `${kit.publicUrl}${backPath}`,
    // Whoever gets hold of the code cannot redeem it, and neither can we.
    code_challenge: createHash("sha256").update(randomBytes(32).toString("hex")).digest("base64url"),
    code_challenge_method: "S256",
    state: sealPlace(kit.fingerprint, nonce, place),
    ...(demand.mfa && { acr_values: mfaContext }),
    ...(demand.maxAgeMs !== null && { max_age: String(Math.floor(demand.maxAgeMs / 1_000)) }),
  });
  visit.note.action = "account-login";
  const headers = {
    location: `${mount}/authorize?${params}`,
    "set-cookie": keepNonce(nonce),
    "cache-control": "no-store",
  };
  visit.response.writeHead(303, headers).end();
  return null;
}

/** Answers a browser that comes back from a login: leads it on, to where {@link admit} stopped it. */
export function comeBack({ fingerprint }: PageKit, { request, response, note }: AccountVisit): void {
  const params = new URLSearchParams((request.url ?? "").split("?", 2)[1] ?? "");
  const place = openPlace(fingerprint, readNonce(request.headers.cookie), params.get("state"));
  const refuse = (status: number, reason: string, text: string) => {
    Object.assign(note, { successful: false, reason });
    send(response, status, renderProblem("This did not work", text), []);
  };
  note.action = "account-back";
  if (place === null) refuse(400, "login_gone", "This login is not of this browser, or has ended.");
  else if (params.get("error") === "unmet_authentication_requirements")
    refuse(403, "factor_missing", "This takes a second factor. Ask the operator of the gateway for one.");
  else if (params.has("error")) refuse(403, "access_denied", "You have not logged in.");
  else {
    note.successful = true;
    response.writeHead(303, { location: place, "cache-control": "no-store", "referrer-policy": "no-referrer" }).end();
  }
}

/** What was posted with a form of ours; null for a form of anybody else's, which is answered already. */
export function readForm({ publicUrl }: PageKit, visit: AccountVisit, visitor: Visitor): URLSearchParams | null {
  const form = new URLSearchParams(visit.body.toString("utf8"));
  // Browsers say where a form was sent from; its token holds where one does not.
  const { origin } = visit.request.headers;
  if ((origin === undefined || origin === publicUrl) && form.get("csrf") === visitor.csrf) return form;
  Object.assign(visit.note, { successful: false, reason: "foreign_form" });
  const text = "This form is not of your login. Open the page again.";
  show(visit, visitor, 403, renderProblem("This did not work", text));
  return null;
}
