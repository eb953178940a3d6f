/** Answers what is asked of the authorization server: OAuth endpoints by the library, pages by ourselves. */
import type { IncomingMessage, ServerResponse } from "node:http";
import inject from "light-my-request";
import type Provider from "oidc-provider";
import type { KoaContextWithOIDC } from "oidc-provider";
import { serveAccount } from "./account/serve.ts";
import { adaptForm, adaptTarget } from "./asked.ts";
import { normalizeMetadata } from "./clients/client-metadata.ts";
import { registrationHeaders, registrationPreflight } from "./cors.ts";
import type { Desk, DeskAnswer, DeskNote } from "./desk.ts";
import { serveLogout } from "./federation/logout.ts";
import { serveReturn } from "./federation/return.ts";
import { servePage } from "./interaction.ts";
import { resume } from "./login/resume.ts";
import { hearOf } from "./news/hear.ts";
import { renderProblem } from "./pages/pages.ts";
import { servePasskeys } from "./passkeys/account.ts";
import {
  accountPath,
  isUpstreamPage,
  mount,
  pagesPath,
  passkeysPath,
  providerLogoutPath,
  pushPath,
  returnPath,
  serves,
} from "./paths.ts";
import { readReason } from "./reason.ts";
import { serveUpstream } from "./upstream/serve.ts";
import { type PageKit, send } from "./visit.ts";

/** Headers of a request that the library may see. Others could only speak for us: `X-Forwarded-…` above all. */
const passed = [
  "accept",
  "authorization",
  "content-type",
  "cookie",
  "dpop",
  "origin",
  "access-control-request-method",
  "access-control-request-headers",
];
/**
 * Of an authorization request, in characters, in the browser or pushed: what it says is kept for as long as somebody may take to log in, and
 * anybody can make one.
 */
const maxRequest = 4_096;
/** Headers of an answer that are the gateway's own to make. */
const dropped: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "date",
  "keep-alive",
  "transfer-encoding",
]);

/**
 * @param publicUrl origin under which clients know the gateway
 */
export function createDesk(provider: Provider, kit: PageKit, publicUrl: string): Desk {
  const callback = provider.callback();
  const notes = new WeakMap<IncomingMessage, DeskNote>();
  const { host, protocol } = new URL(publicUrl);
  const noteOf = (ctx: KoaContextWithOIDC) => notes.get(ctx.req);
  listen(provider, noteOf);

  const dispatch = (request: IncomingMessage, response: ServerResponse, body: Buffer, ip: string, note: DeskNote) => {
    notes.set(request, note);
    const [path = ""] = (request.url ?? "").split("?");
    if (path.startsWith(`${returnPath}/`)) {
      const name = path.slice(returnPath.length + 1);
      return void serveReturn(kit, { request, response, uid: "", name, body, ip, note });
    }
    if (path.startsWith(`${providerLogoutPath}/`)) {
      const name = path.slice(providerLogoutPath.length + 1);
      return void serveLogout(kit, { request, response, uid: "", name, body, ip, note });
    }
    const uid = path.startsWith(`${pagesPath}/`) ? path.slice(pagesPath.length + 1) : null;
    if (uid !== null) void servePage(kit, { request, response, uid, body, ip, note });
    else if (path === passkeysPath) void servePasskeys(kit, { request, response, path, body, ip, note });
    else if (path === accountPath || path.startsWith(`${accountPath}/`))
      void serveAccount(kit, { request, response, path, body, ip, note });
    else if (isUpstreamPage(path)) void serveUpstream(kit, { request, response, path, body, ip, note });
    else if (path === `${mount}/authorize` && (request.url ?? "").length > maxRequest) refuseLong(response, note);
    else if (path.startsWith(`${mount}/authorize/`))
      void resume(kit, { request, response, body, ip, note }, () => void callback(request, response));
    else void callback(request, response);
  };

  return {
    serves,
    async answer({ verb, target: asked, headers, body, ip }) {
      const target = adaptTarget(asked);
      const [path = ""] = target.split("?");
      const note: DeskNote = { action: path.split("/").at(2) ?? "" };
      const registers = path === `${mount}/register`;
      if (registers && verb === "OPTIONS") {
        return { status: 204, headers: registrationPreflight, body: Buffer.alloc(0), note };
      }
      const pushes = path === pushPath;
      if (pushes && body.length > maxRequest) return refusePushed(note);
      const payload = registers
        ? normalizeMetadata(body.toString("utf8"))
        : pushes
          ? adaptForm(body.toString("utf8"))
          : body;
      const own = { host, "x-forwarded-proto": protocol.slice(0, -1), "x-forwarded-for": ip };
      const told = passed.flatMap((name) => (headers.has(name) ? [[name, headers.get(name) ?? ""]] : []));
      const said = await inject((request, response) => dispatch(request, response, body, ip, note), {
        method: verb as "GET",
        url: target,
        headers: { ...Object.fromEntries(told), ...own },
        remoteAddress: ip,
        ...(body.length > 0 && { payload }),
      });
      await hearOf(kit, note, path, ip);
      const kept = Object.entries(said.headers).filter(([name]) => !dropped.has(name));
      const answered = Object.fromEntries(
        kept.map(([name, value]) => [name, Array.isArray(value) ? value : String(value)]),
      );
      if (registers) Object.assign(answered, registrationHeaders);
      return { status: said.statusCode, headers: answered, body: said.rawPayload, note };
    },
  };
}

/** RFC 9126 section 2.3. */
function refusePushed(note: DeskNote): DeskAnswer {
  const said = { error: "invalid_request", error_description: `a request has at most ${maxRequest} bytes` };
  return {
    status: 413,
    headers: { "content-type": "application/json; charset=utf-8", "cache-control": "no-store" },
    body: Buffer.from(JSON.stringify(said)),
    note: { ...note, successful: false, reason: "request_too_large" },
  };
}

function refuseLong(response: ServerResponse, note: DeskNote): void {
  Object.assign(note, { successful: false, reason: "request_too_large" });
  const text = `The client asks in more than ${maxRequest} characters. Let it send a shorter state.`;
  send(response, 414, renderProblem("This did not work", text), []);
}

/** What the library found out goes on record. */
function listen(provider: Provider, noteOf: (ctx: KoaContextWithOIDC) => DeskNote | undefined): void {
  const tell = (ctx: KoaContextWithOIDC, more: Partial<DeskNote>) => {
    const note = noteOf(ctx);
    if (note === undefined) return;
    const { client, session, account, params } = ctx.oidc ?? {};
    const user = account?.accountId ?? session?.accountId;
    const grant = params?.grant_type;
    Object.assign(note, {
      ...(client !== undefined && { client: client.clientId }),
      ...(user !== undefined && { user }),
      ...(typeof grant === "string" && { grant }),
      ...more,
    });
  };
  const failed = (ctx: KoaContextWithOIDC, error: Error) => tell(ctx, { successful: false, reason: readReason(error) });
  provider.on("authorization.success", (ctx) => tell(ctx, { successful: true }));
  provider.on("authorization.error", failed);
  provider.on("grant.success", (ctx) => tell(ctx, { successful: true }));
  provider.on("grant.error", failed);
  provider.on("pushed_authorization_request.success", (ctx) => tell(ctx, { successful: true }));
  provider.on("pushed_authorization_request.error", failed);
  provider.on("registration_create.success", (ctx, client) => tell(ctx, { successful: true, client: client.clientId }));
  provider.on("registration_create.error", failed);
  provider.on("revocation.error", failed);
  provider.on("server_error", failed);
}
