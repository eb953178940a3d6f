/** The request that a client sends its user's browser with, and what comes back (RFC 6749, 7636, 8707, 9207). Pure. */
import { createHash } from "node:crypto";
import { pagesPath } from "../../authorization/paths.ts";
import type { JsonObject } from "../../mcp/object.ts";
import { type Finding, ok, problem, quote } from "./finding.ts";
import { oauthErrorOf } from "./refusal.ts";
import type { Rules } from "./registration.ts";
import type { Answer } from "./wire.ts";

/** What a client asks for. */
export interface Asking {
  readonly clientId: string;
  readonly redirectUri: string;
  readonly resource: string;
  readonly scope: string | null;
  /** 43 to 128 characters. */
  readonly verifier: string;
  readonly state: string;
}

/**
 * Where a client sends the browser: authorization code with PKCE by S256 (RFC 7636) for one resource (RFC 8707).
 *
 * @param said metadata of the authorization server (RFC 8414)
 */
export function authorizeUrl(said: JsonObject, asking: Asking): string {
  const url = new URL(String(said.authorization_endpoint));
  const params = {
    response_type: "code",
    client_id: asking.clientId,
    redirect_uri: asking.redirectUri,
    resource: asking.resource,
    code_challenge: createHash("sha256").update(asking.verifier).digest("base64url"),
    code_challenge_method: "S256",
    state: asking.state,
    ...(asking.scope !== null && { scope: asking.scope }),
  };
  for (const [name, value] of Object.entries(params)) url.searchParams.set(name, value);
  return url.href;
}

/** What clients ask for: what the challenge named, else what the resource lists. */
export function chooseScope(challenged: string | undefined, resourceMetadata: JsonObject): string | null {
  const listed = resourceMetadata.scopes_supported;
  return challenged ?? (Array.isArray(listed) && listed.length > 0 ? listed.join(" ") : null);
}

/** Whether a browser would come to where people log in. */
export function judgeAuthorize(answer: Answer, asking: Asking, rules: Rules, documented: boolean): Finding {
  const { status, headers, url } = answer;
  const to = headers.location === undefined ? null : URL.parse(headers.location, url);
  const lines = { at: rules.at };
  if (status >= 300 && status < 400 && to !== null) {
    if (!isBack(to, asking.redirectUri)) {
      const isPage = rules.allowsHost === null || to.pathname.startsWith(`${pagesPath}/`);
      return isPage
        ? ok(`${asking.redirectUri} is accepted`)
        : problem(`${asking.redirectUri}: sent on to ${quote(to.href)}`, lines);
    }
    const error = to.searchParams.get("error");
    if (error === null) return ok(`${asking.redirectUri} is accepted`);
    return problem(
      `${asking.redirectUri}: ${quote(error)}: ${quote(to.searchParams.get("error_description") ?? "")}`,
      lines,
    );
  }
  if (status === 200 && rules.allowsHost === null) return ok(`${asking.redirectUri} is accepted`);
  const said = `${asking.redirectUri} is refused (HTTP ${status}): ${quote(oauthErrorOf(answer))}`;
  // A page with the way back to the client is about what was asked for, and who it is is known.
  const back = URL.parse(/<a href="([^"]+)"/.exec(answer.body)?.[1] ?? "");
  const isKnown = back !== null && isBack(back, asking.redirectUri);
  if (!documented || isKnown || rules.allowsHost === null) return problem(said, lines);
  const { host } = new URL(asking.clientId);
  return problem(said, {
    at: ["identity", "builtin", "login", "clientHosts"],
    hint: `let the gateway fetch ${asking.clientId} from ${host} by https; where it cannot, clientHosts: [] has clients register`,
  });
}

/** Whether a URL is the redirect URI, with an answer. */
export function isBack(url: URL, redirectUri: string): boolean {
  return `${url.href}`.split("?")[0] === redirectUri.split("?")[0];
}

/** What came back to the client. */
export function judgeReturn(back: URL, asking: Asking, said: JsonObject, at: Finding["at"] & object): Finding {
  const params = back.searchParams;
  const error = params.get("error");
  if (error !== null) {
    return problem(`${quote(error)}: ${quote(params.get("error_description") ?? "no more is said")}`, { at });
  }
  if (params.get("state") !== asking.state)
    return problem("what came back is no answer to what was asked (state)", { at });
  const iss = params.get("iss");
  if (iss === null && said.authorization_response_iss_parameter_supported === true) {
    return problem("the answer does not say whose it is, though it should (iss, RFC 9207)", { at });
  }
  if (iss !== null && iss !== said.issuer) {
    return problem(`the answer is of ${quote(iss)}, expected ${quote(said.issuer)} (RFC 9207)`, { at });
  }
  if (params.get("code") === null) return problem("nothing came back", { at });
  return ok("logged in and consented");
}
