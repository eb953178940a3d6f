/** The pages of one's own account. */

import { canChangePassword } from "../login/own-password.ts";
import { readNews } from "../news/keep.ts";
import { describeNews } from "../news/page.ts";
import { renderProblem } from "../pages/pages.ts";
import { canHavePasskeys } from "../passkeys/site.ts";
import { accountPath, backPath, logoutPath, passwordPath, tokenPath } from "../paths.ts";
import { endBrowserSession } from "../sessions/browser-sessions.ts";
import { type PageKit, refuseMethod, send, sendFailure } from "../visit.ts";
import { endOwn, ends, listBelongings, mayEnd } from "./belongings.ts";
import { type HeldGrant, renderAccount, renderGoodbye, toAccount } from "./pages.ts";
import { servePassword } from "./password.ts";
import { serveTokens } from "./tokens.ts";
import {
  type AccountVisit,
  admit,
  comeBack,
  findVisitor,
  readForm,
  recentLogin,
  show,
  type Visitor,
} from "./visitor.ts";

/** Answers a request below {@link accountPath}; whatever goes wrong ends on a page as well. */
export async function serveAccount(kit: PageKit, visit: AccountVisit): Promise<void> {
  const { request, response, path, note } = visit;
  try {
    const allowed = path === backPath ? ["GET"] : path === logoutPath ? ["POST"] : ["GET", "POST"];
    if (!allowed.includes(request.method ?? "")) return refuseMethod(response, note, allowed.join(", "));
    if (path === backPath) return comeBack(kit, visit);
    if (path === logoutPath) return await logOut(kit, visit);
    if (path === tokenPath) return await serveTokens(kit, visit);
    if (path === passwordPath) return await servePassword(kit, visit);
    if (path === accountPath) return await serveFirst(kit, visit);
    Object.assign(note, { successful: false, reason: "page_unknown" });
    send(response, 404, renderProblem("There is no such page", "Your account has what there is.", toAccount), []);
  } catch (error) {
    sendFailure(kit, visit, error);
  }
}

/** Whoever is logged out already is told so too: there is no login to send them to for it. */
async function logOut(kit: PageKit, visit: AccountVisit): Promise<void> {
  const { response, note } = visit;
  note.action = ends["end-browser"].action;
  const visitor = await findVisitor(kit, visit);
  if (visitor === null) {
    Object.assign(note, { successful: false, reason: "login_gone" });
    return send(response, 200, renderGoodbye(), []);
  }
  const { account, uid } = visitor;
  note.user = account.name;
  if (readForm(kit, visit, visitor) === null) return;
  await endBrowserSession(kit.store, uid, kit.now());
  Object.assign(note, { successful: true, targetId: uid });
  send(response, 200, renderGoodbye(), []);
}

async function serveFirst(kit: PageKit, visit: AccountVisit): Promise<void> {
  const { request, note } = visit;
  const visitor = await admit(kit, visit, accountPath);
  if (visitor === null) return;
  note.action = "account-page";
  if (request.method === "POST") return endSomething(kit, visit, visitor);
  const { name } = visitor.account;
  const { grants, ...own } = await listBelongings(kit, name, kit.now());
  const held = await Promise.all(grants.map((grant) => describeGrant(kit, grant)));
  const { uid, csrf } = visitor;
  const can = {
    makesTokens: kit.sessionLife !== null,
    passkeys: await canHavePasskeys(kit, name),
    password: await canChangePassword(kit, name),
  };
  const recent = mayEnd(visitor, "Grant", "", kit.now());
  const page = {
    user: name,
    uid,
    csrf,
    recent,
    ...own,
    grants: held,
    lately: describeNews(await readNews(kit.store, name)),
    ...can,
  };
  show(visit, visitor, 200, renderAccount(page));
}

async function endSomething(kit: PageKit, visit: AccountVisit, visitor: Visitor): Promise<void> {
  const { response, note } = visit;
  const form = readForm(kit, visit, visitor);
  if (form === null) return;
  const wanted = form.get("do") ?? "";
  const id = form.get("id") ?? "";
  const end = Object.hasOwn(ends, wanted) ? ends[wanted as keyof typeof ends] : undefined;
  if (end !== undefined) note.action = end.action;
  // What was chosen is chosen again after the login: it must not be done by whoever only comes back from one.
  if (end !== undefined && !mayEnd(visitor, end.model, id, kit.now()))
    return void (await admit(kit, visit, accountPath, recentLogin));
  if (end === undefined || !(await endOwn(kit, visitor.account.name, end.model, id, kit.now()))) {
    Object.assign(note, { successful: false, reason: "not_found" });
    const html = renderProblem("It has ended", "There is no such thing of yours any more.", toAccount);
    return show(visit, visitor, 404, html);
  }
  Object.assign(note, { successful: true, [end.model === "UpstreamLogin" ? "server" : "targetId"]: id });
  if (end.model === "Session" && id === visitor.uid) return send(response, 200, renderGoodbye(), []);
  // So that a page that is loaded again ends nothing again.
  response.writeHead(303, { location: accountPath, "cache-control": "no-store" }).end();
}

type Given = Awaited<ReturnType<typeof listBelongings>>["grants"][number];

async function describeGrant({ provider, serverOf }: PageKit, { id, client, scopes, sinceMs }: Given) {
  // A document would have to be fetched for what its client calls itself, and its address says more.
  const isKnown = URL.parse(client)?.protocol !== "https:";
  const name = isKnown ? (await provider.Client.find(client))?.clientName : undefined;
  const grant: HeldGrant = { id, client: name ?? client, servers: Object.keys(scopes).map(serverOf), sinceMs };
  return grant;
}
