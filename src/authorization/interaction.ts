/** The steps between an authorization request and its answer in which somebody is asked: who they are, and whether they want it. */
import { errors } from "oidc-provider";
import { accountClientId } from "./account/client.ts";
import { csrfOf, findVisitor } from "./account/visitor.ts";
import { readDemand } from "./asked.ts";
import { joinDemands } from "./demands.ts";
import { isFederated } from "./federation/accounts.ts";
import { leave } from "./federation/leave.ts";
import { rememberConsent } from "./grants/consents.ts";
import { chooseFirst } from "./login/first-password.ts";
import { logIn } from "./login/login.ts";
import { passNotice, showNotice } from "./news/serve.ts";
import { nameDestination } from "./pages/destination.ts";
import { addLogout, providerButton, renderConsent, renderLogin, renderProblem } from "./pages/pages.ts";
import { askPasskey } from "./passkeys/ask.ts";
import { checkPasskey } from "./passkeys/login.ts";
import { findSite } from "./passkeys/site.ts";
import { accountPath } from "./paths.ts";
import { anybodyReason, noticePrompt } from "./prompts.ts";
import { baseScope } from "./resources.ts";
import { type Details, type Onward, type PageKit, type PageVisit, refuseMethod, send, sendFailure } from "./visit.ts";

const gone = "This login has ended. Go back to the client and connect again.";

/** Answers a request to a page; whatever goes wrong ends on a page as well. */
export async function servePage(kit: PageKit, visit: PageVisit): Promise<void> {
  const { request, response, uid, note } = visit;
  try {
    const details = await kit.provider.interactionDetails(request, response);
    if (details.uid !== uid) throw new errors.SessionNotFound("of another login");
    const asking = await describeAsking(kit, details);
    note.client = String(details.params.client_id);
    if (request.method === "GET") return await showPage(kit, visit, details, asking);
    if (request.method === "POST") return await act(kit, visit, details, asking);
    refuseMethod(response, note, "GET, POST");
  } catch (error) {
    if (!(error instanceof errors.SessionNotFound)) return sendFailure(kit, visit, error);
    Object.assign(note, { successful: false, reason: "login_gone" });
    send(response, 400, renderProblem("This did not work", gone), []);
  }
}

async function showPage(kit: PageKit, visit: PageVisit, details: Details, asking: Onward): Promise<void> {
  const csrf = kit.fingerprint("login-form", details.uid);
  visit.note.action = `${details.prompt.name}-page`;
  if (details.prompt.name === noticePrompt) {
    await checkVisitor(kit, visit, details);
    return showNotice(kit, visit, details, { ...asking, csrf });
  }
  if (details.prompt.name === "consent") {
    const until = { idleMs: kit.ttlMs.refreshToken, account: `${kit.publicUrl}${accountPath}` };
    const { uid = "", accountId: user = "" } = details.session ?? {};
    const isAnybody = details.prompt.reasons.includes(anybodyReason);
    const html = addLogout(
      renderConsent({ ...asking, ...until, csrf, user, isAnybody }),
      csrfOf(kit.fingerprint, uid, user),
    );
    return send(visit.response, 200, html, asking.onward);
  }
  const known = details.session?.accountId ?? "";
  // Whoever logs in elsewhere has no user name that could be typed.
  const user = isFederated(known) ? "" : known;
  send(visit.response, 200, renderLogin({ ...asking, csrf, user, problem: null }), asking.onward);
}

async function act(kit: PageKit, visit: PageVisit, details: Details, asking: Onward): Promise<void> {
  const { request, response, note, body } = visit;
  const form = new URLSearchParams(body.toString("utf8"));
  const csrf = kit.fingerprint("login-form", details.uid);
  note.action = details.prompt.name;
  // Browsers say where a form was sent from; its token holds where one does not.
  const { origin } = request.headers;
  if ((origin !== undefined && origin !== kit.publicUrl) || form.get("csrf") !== csrf) {
    Object.assign(note, { successful: false, reason: "foreign_form" });
    return send(response, 403, renderProblem("This did not work", gone), []);
  }
  const wanted = form.get("do");
  if (wanted === "cancel" || wanted === "deny") {
    Object.assign(note, { successful: false, reason: "access_denied" });
    const result = { error: "access_denied", error_description: "the user said no" };
    return kit.provider.interactionFinished(request, response, result);
  }
  if (details.prompt.name === noticePrompt) {
    await checkVisitor(kit, visit, details);
    return passNotice(kit, visit, details, form);
  }
  if (details.prompt.name === "consent") return grant(kit, visit, details);
  if (wanted?.startsWith(providerButton) === true) {
    return leave(kit, visit, details, wanted.slice(providerButton.length), demandOf(kit, details));
  }
  if (!kit.passwords) {
    Object.assign(note, { successful: false, reason: "passwords_off" });
    return send(response, 403, renderProblem("This did not work", gone), []);
  }
  const isPossible = asking.passkeys === true;
  if (isPossible && wanted === "passkey") return askPasskey(kit, visit, details, { ...asking, csrf });
  if (isPossible && wanted === "passkey-answer") return checkPasskey(kit, visit, details, form, { ...asking, csrf });
  if (asking.hardware === true && wanted !== "choose") return refusePassword(visit, { ...asking, csrf });
  if (wanted === "choose") return chooseFirst(kit, visit, details, form, { ...asking, csrf });
  await logIn(kit, visit, details, form, { ...asking, csrf });
}

/** A form from before the rules were others, or of nobody's: whatever is in it is not looked at. */
function refusePassword({ response, note }: PageVisit, asking: Onward & { readonly csrf: string }): void {
  Object.assign(note, { successful: false, reason: "hardware_missing" });
  send(response, 403, renderLogin({ ...asking, user: "", problem: "A password will not do here." }), asking.onward);
}

async function grant(kit: PageKit, visit: PageVisit, details: Details): Promise<void> {
  const { provider, resources, store, now } = kit;
  const { request, response, note } = visit;
  const user = await checkVisitor(kit, visit, details);
  const client = String(details.params.client_id);
  const known = details.grantId === undefined ? undefined : await provider.Grant.find(details.grantId);
  const given = known ?? new provider.Grant({ accountId: user, clientId: client });
  const asked = scopesOf(details);
  given.addOIDCScope(asked.filter((scope) => scope === "openid").join(" "));
  for (const resource of resourcesOf(kit, details)) {
    const offered = resources.scopesOf(resource);
    given.addResourceScope(resource, asked.filter((scope) => offered.includes(scope)).join(" "));
  }
  const grantId = await given.save();
  // What is ended meanwhile was looked for before this was there.
  await checkVisitor(kit, visit, details).catch(async (error: unknown) => {
    if (error instanceof errors.SessionNotFound) await given.destroy();
    throw error;
  });
  await rememberConsent(store, user, client, grantId, now());
  Object.assign(note, { user, client, successful: true });
  await provider.interactionFinished(request, response, { consent: { grantId } }, { mergeWithLastSubmission: true });
}

/**
 * Whoever is disabled by now, or has another password, has left a page behind on which somebody could consent in their name, or take as
 * read what they are to hear.
 *
 * @returns the name of whoever a page after the login is for
 * @throws SessionNotFound
 */
async function checkVisitor(kit: PageKit, visit: PageVisit, { session }: Details): Promise<string> {
  const visitor = await findVisitor(kit, visit);
  if (visitor === null || visitor.account.name !== session?.accountId || visitor.uid !== session.uid)
    throw new errors.SessionNotFound("whoever was asked is logged in no more");
  return visitor.account.name;
}

async function describeAsking(kit: PageKit, details: Details): Promise<Onward> {
  const { provider, publicUrl, federation, passwords } = kit;
  const { params } = details;
  const id = String(params.client_id);
  const client = await provider.Client.find(id);
  const { protocol, origin } = new URL(String(params.redirect_uri));
  const isWeb = protocol === "https:" || protocol === "http:";
  return {
    name: client?.clientName ?? id,
    host: URL.parse(id)?.protocol === "https:" ? new URL(id).host : null,
    destination: nameDestination(String(params.redirect_uri)),
    // A port of a loopback address is any port to the browser's policy only where it is named so.
    onward: [isWeb ? origin : protocol],
    own: id === accountClientId,
    passkeys: findSite(publicUrl) !== null,
    hardware: demandOf(kit, details).hardware === true,
    ways: { passwords, providers: federation.providers.map(({ settings: { name, label } }) => ({ name, label })) },
    servers: id === accountClientId ? [] : listServers(kit, details),
  };
}

/** As prompts.ts has it, of a request that waits. */
function demandOf(kit: PageKit, details: Details) {
  const scopes = scopesOf(details);
  const taken = resourcesOf(kit, details).map((resource) => kit.resources.demandOf(resource, scopes));
  return joinDemands([readDemand(details.params), ...taken]);
}

function scopesOf({ params }: Details): string[] {
  return String(params.scope ?? "")
    .split(" ")
    .filter((scope) => scope !== "");
}

function resourcesOf({ resources }: PageKit, { params }: Details): string[] {
  const { resource } = params;
  return [resource ?? resources.pick(undefined) ?? []].flat().map(String);
}

function listServers(kit: PageKit, details: Details) {
  const scopes = scopesOf(details);
  return resourcesOf(kit, details).map((resource) => {
    const offered = kit.resources.scopesOf(resource);
    const further = scopes.filter((scope) => scope !== baseScope && offered.includes(scope));
    return { name: kit.serverOf(resource), scopes: further };
  });
}
