/** The steps between an authorization request and its answer in which somebody is asked: who they are, and whether they want it. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type Provider from "oidc-provider";
import { errors } from "oidc-provider";
import type { UserDirectory } from "../auth/users/directory.ts";
import { isLoopbackHost } from "../network/url.ts";
import type { Store } from "../state/store.ts";
import { rememberConsent } from "./consents.ts";
import type { DeskNote } from "./desk.ts";
import { type Asking, pageHeaders, renderConsent, renderLogin, renderProblem } from "./pages.ts";
import { baseScope, type Resources } from "./resources.ts";

type Details = Awaited<ReturnType<Provider["interactionDetails"]>>;

/** What the pages need. */
export interface PageKit {
  readonly provider: Provider;
  readonly publicUrl: string;
  readonly users: UserDirectory;
  readonly resources: Resources;
  readonly store: Pick<Store, "put">;
  /** The name of the server that a resource is. */
  readonly serverOf: (resource: string) => string;
  /** Keyed digest, to tell a form of ours. */
  readonly fingerprint: (label: string, text: string) => string;
  /** Milliseconds to wait before somebody at an address may try a user name again; null for now. */
  readonly delay: (user: string, ip: string) => Promise<number | null>;
  /** Told of what must not happen. */
  readonly report: (error: Error) => void;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** A request to one of the pages. */
export interface PageVisit {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly uid: string;
  readonly body: Buffer;
  readonly ip: string;
  readonly note: DeskNote;
}

const wrong = "User name or password are not right.";
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
    response.writeHead(405, { allow: "GET, POST" }).end();
  } catch (error) {
    const isGone = error instanceof errors.SessionNotFound;
    Object.assign(note, { successful: false, reason: isGone ? "login_gone" : "server_error" });
    if (!isGone) kit.report(error as Error);
    send(response, isGone ? 400 : 500, renderProblem("This did not work", isGone ? gone : "Try again later."), []);
  }
}

async function showPage(kit: PageKit, visit: PageVisit, details: Details, asking: Onward): Promise<void> {
  const csrf = kit.fingerprint("login-form", details.uid);
  visit.note.action = `${details.prompt.name}-page`;
  if (details.prompt.name === "consent") {
    const page = { ...asking, csrf, user: details.session?.accountId ?? "", servers: listServers(kit, details) };
    return send(visit.response, 200, renderConsent(page), asking.onward);
  }
  send(visit.response, 200, renderLogin({ ...asking, csrf, user: "", problem: null }), asking.onward);
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
  if (details.prompt.name === "consent") return grant(kit, visit, details);
  await logIn(kit, visit, form, { ...asking, csrf });
}

async function logIn(
  kit: PageKit,
  visit: PageVisit,
  form: URLSearchParams,
  asking: Onward & { csrf: string },
): Promise<void> {
  const { request, response, note, ip } = visit;
  const user = form.get("user") ?? "";
  const again = (status: number, problem: string, reason: string) => {
    Object.assign(note, { user, successful: false, reason });
    send(response, status, renderLogin({ ...asking, user, problem }), asking.onward);
  };
  const waitMs = await kit.delay(user, ip);
  if (waitMs !== null) {
    const minutes = Math.ceil(waitMs / 60_000);
    return again(429, `Too many attempts. Try again in ${minutes} minute${minutes === 1 ? "" : "s"}.`, "login_limited");
  }
  const account = await kit.users.verify(user, form.get("password") ?? "");
  if (account === null) return again(403, wrong, "password_wrong");
  Object.assign(note, { user: account.name, successful: true });
  const login = { accountId: account.name, amr: ["pwd"], ts: Math.floor(kit.now() / 1_000), remember: true };
  await kit.provider.interactionFinished(request, response, { login });
}

async function grant(kit: PageKit, visit: PageVisit, details: Details): Promise<void> {
  const { provider, resources, store, now } = kit;
  const { request, response, note } = visit;
  const user = details.session?.accountId;
  if (user === undefined) throw new errors.SessionNotFound("nobody is logged in");
  const client = String(details.params.client_id);
  const known = details.grantId === undefined ? undefined : await provider.Grant.find(details.grantId);
  const given = known ?? new provider.Grant({ accountId: user, clientId: client });
  const asked = scopesOf(details);
  given.addOIDCScope(asked.filter((scope) => scope === "openid" || scope === "offline_access").join(" "));
  for (const resource of resourcesOf(kit, details)) {
    const offered = resources.scopesOf(resource);
    given.addResourceScope(resource, asked.filter((scope) => offered.includes(scope)).join(" "));
  }
  const grantId = await given.save();
  await rememberConsent(store, user, client, grantId, now());
  Object.assign(note, { user, client, successful: true });
  await provider.interactionFinished(request, response, { consent: { grantId } }, { mergeWithLastSubmission: true });
}

type Onward = Asking & { readonly onward: readonly string[] };

async function describeAsking({ provider }: PageKit, { params }: Details): Promise<Onward> {
  const id = String(params.client_id);
  const client = await provider.Client.find(id);
  const { protocol, host, hostname, origin } = new URL(String(params.redirect_uri));
  const isWeb = protocol === "https:" || protocol === "http:";
  const destination = isLoopbackHost(hostname)
    ? "a program on this computer"
    : isWeb
      ? host
      : `the program that opens ${protocol} links`;
  return {
    name: client?.clientName ?? id,
    host: URL.parse(id)?.protocol === "https:" ? new URL(id).host : null,
    destination,
    // A port of a loopback address is any port to the browser's policy only where it is named so.
    onward: [isWeb ? origin : protocol],
  };
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

function send(response: ServerResponse, status: number, html: string, onward: readonly string[]): void {
  response.writeHead(status, pageHeaders(onward)).end(html);
}
