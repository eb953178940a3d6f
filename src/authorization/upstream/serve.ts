/** Answers on the pages where users log in at servers behind the gateway. */
import { noChallenge } from "../../upstream/vault/challenge.ts";
import { upstreamPath } from "../../upstream/vault/client-document.ts";
import { type Discovered, discover } from "../../upstream/vault/discovery.ts";
import { VaultFault } from "../../upstream/vault/fault.ts";
import { beginLogin, finishLogin, type Outcome } from "../../upstream/vault/flow.ts";
import { isTicket, openTicket, type Ticket } from "../../upstream/vault/ticket.ts";
import type { Vault } from "../../upstream/vault/vault.ts";
import { type AccountVisit, admit, findVisitor, readForm, show, type Visitor } from "../account/visitor.ts";
import { addLogout, pageHeaders, renderProblem } from "../pages/pages.ts";
import { type PageKit, refuseMethod, send, sendFailure } from "../visit.ts";
import { dropOwnLogin, findOwnLogin } from "./own-logins.ts";
import { renderConnect, renderConnected, renderDeparture, renderDisconnected } from "./pages.ts";

const failed = "This did not work";

/** Answers a request for one of the pages; whatever goes wrong ends on a page as well. */
export async function serveUpstream(kit: PageKit, visit: AccountVisit): Promise<void> {
  const { request, response, path, note } = visit;
  const [place = "", name = ""] = path.split("/").slice(2);
  note.action = "upstream-page";
  try {
    if (`/oauth/${place}` !== upstreamPath) {
      note.action = "upstream-back";
      if (request.method !== "GET") return refuseMethod(response, note, "GET");
      return await comeBack(kit, visit, name);
    }
    if (request.method !== "GET" && request.method !== "POST") return refuseMethod(response, note, "GET, POST");
    const visitor = await admit(kit, visit, path);
    if (visitor === null) return;
    await attend(kit, visit, visitor, name);
  } catch (error) {
    if (!(error instanceof VaultFault)) return sendFailure(kit, visit, error);
    Object.assign(note, { successful: false, reason: "discovery_failed" });
    kit.report(error);
    const text =
      "The gateway does not get through to where you would log in. The operator of the gateway finds the reason in its log.";
    send(response, 502, renderProblem(failed, text), []);
  }
}

/** What somebody wants to see, or to do, of their login at one server. */
async function attend(kit: PageKit, visit: AccountVisit, visitor: Visitor, name: string): Promise<void> {
  const { request, response, note } = visit;
  const ticket = isTicket(name) ? openTicket(kit.sealer, name, kit.now()) : describeOwn(name, visitor, kit.now());
  const vault = kit.vaults.get(ticket?.server ?? "");
  if (ticket === null || vault === undefined) {
    const text = "This link is none of this gateway's, or too old. Go back to the client and try again.";
    return refuse(visit, visitor, 404, "link_unknown", text);
  }
  note.server = vault.server;
  if (ticket.subject !== visitor.account.name) {
    const text = `This link was given to somebody else. You are logged in as ${visitor.account.name}: do not go on for another person, whoever has sent you here.`;
    return refuse(visit, visitor, 403, "foreign_link", text);
  }
  const form = request.method === "POST" ? readForm(kit, visit, visitor) : new URLSearchParams();
  if (form === null) return;
  if (form.get("do") === "disconnect") return disconnect(kit, visit, visitor, vault);
  const found = await discover({ ...vault.config, url: vault.url }, ticket.challenge, vault.fetch);
  if (form.get("do") !== "connect") return showLogin(kit, visit, visitor, vault, found, null);
  if (form.get("issuer") !== found.authorizationServer.issuer) {
    return showLogin(kit, visit, visitor, vault, found, "The server has changed where its users log in. Look again.");
  }
  note.action = "upstream-begin";
  const target = await beginLogin(vault, found, travellerOf(visitor), kit);
  note.successful = true;
  const headers = { ...pageHeaders([]), refresh: `0;url=${target.href}`, "referrer-policy": "no-referrer" };
  response.writeHead(200, headers).end(addLogout(renderDeparture(target.host, target.href), visitor.csrf));
}

/** Whoever comes by the name of a server comes for themselves. */
function describeOwn(server: string, { account }: Visitor, atMs: number): Ticket {
  return { server, subject: account.name, challenge: noChallenge, atMs };
}

async function showLogin(
  { store }: PageKit,
  visit: AccountVisit,
  visitor: Visitor,
  vault: Vault,
  { authorizationServer: { issuer, authorizationEndpoint }, scopes }: Discovered,
  problem: string | null,
): Promise<void> {
  const login = await findOwnLogin(store, visitor.account.name, vault.server);
  const page = renderConnect({
    user: visitor.account.name,
    server: vault.server,
    issuer,
    host: new URL(authorizationEndpoint).host,
    scopes,
    csrf: visitor.csrf,
    login:
      login === null || !vault.fits(login)
        ? null
        : { host: new URL(login.issuer).host, scopes: login.scopes, since: new Date(login.sinceMs).toUTCString() },
    problem,
  });
  show(visit, visitor, problem === null ? 200 : 409, page);
}

async function disconnect({ store }: PageKit, visit: AccountVisit, visitor: Visitor, vault: Vault): Promise<void> {
  visit.note.action = "upstream-disconnect";
  await dropOwnLogin(store, visitor.account.name, vault.server);
  visit.note.successful = true;
  show(visit, visitor, 200, renderDisconnected(vault.server));
}

/** Status and words for each way of coming back but the good one. */
const refusals: Readonly<Record<Exclude<Outcome, "done">, readonly [status: number, text: string]>> = {
  state_unknown: [400, "This login has ended, or was finished before. Go back to the client and try again."],
  foreign_login: [403, "This login was begun by somebody else, or in another browser. Nothing was kept of it."],
  issuer_mismatch: [400, "The answer does not come from where you were sent. Nothing was kept of it."],
  access_denied: [403, "You have not logged in there."],
  no_token: [
    502,
    "The authorization server has given the gateway nothing for your login. Go back to the client and try again.",
  ],
};

async function comeBack(kit: PageKit, visit: AccountVisit, server: string): Promise<void> {
  const vault = kit.vaults.get(server);
  const visitor = await findVisitor(kit, visit);
  if (visitor !== null) visit.note.user = visitor.account.name;
  if (vault === undefined) return refuse(visit, visitor, 400, "state_unknown", refusals.state_unknown[1]);
  visit.note.server = server;
  const said = new URLSearchParams((visit.request.url ?? "").split("?", 2)[1] ?? "");
  const { outcome, detail } = await finishLogin(vault, said, visitor && travellerOf(visitor), kit);
  if (outcome !== "done") {
    if (detail !== undefined) kit.report(new VaultFault(detail));
    const [status, text] = refusals[outcome];
    return refuse(visit, visitor, status, outcome, text);
  }
  // What ends somebody's logins, such as `revoke user`, cannot have ended one that was not kept yet.
  if (visitor !== null && (await findVisitor(kit, visit))?.uid !== visitor.uid) {
    await dropOwnLogin(kit.store, visitor.account.name, server);
    return refuse(visit, null, 403, "foreign_login", refusals.foreign_login[1]);
  }
  visit.note.successful = true;
  answer(visit, visitor, 200, renderConnected(server));
}

function refuse(visit: AccountVisit, visitor: Visitor | null, status: number, reason: string, text: string): void {
  Object.assign(visit.note, { successful: false, reason });
  answer(visit, visitor, status, renderProblem(failed, text));
}

/** Answers whoever it is: somebody who comes back may be logged in no more. */
function answer(visit: AccountVisit, visitor: Visitor | null, status: number, html: string): void {
  if (visitor === null) send(visit.response, status, html, []);
  else show(visit, visitor, status, html);
}

function travellerOf({ account, uid }: Visitor) {
  return { subject: account.name, uid };
}
