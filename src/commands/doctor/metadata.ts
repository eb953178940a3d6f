/** Judges what a server and its authorization server say of themselves (RFC 9728, RFC 8414, OpenID Connect Discovery). Pure. */
import { rootMetadataPath } from "../../auth/metadata.ts";
import { isObject, type JsonObject } from "../../mcp/object.ts";
import { isLoopbackHost } from "../../network/url.ts";
import type { ClientModel } from "./clients.ts";
import { type Finding, ok, problem, quote, warning } from "./finding.ts";
import { findKnownLack } from "./providers.ts";

/** Where a client looks for the metadata of the resource, without what it cannot know. */
export function listResourcePlaces(
  { resourcePlaces }: Pick<ClientModel, "resourcePlaces">,
  url: string,
  named: string | undefined,
): string[] {
  const { origin, pathname } = new URL(url);
  const root = `${origin}${rootMetadataPath}`;
  const places = { header: named, path: `${root}${pathname.replace(/\/$/, "")}`, root };
  return resourcePlaces.flatMap((place) => places[place] ?? []);
}

/**
 * @param said the document, parsed
 * @param url that the client was given
 * @param publicUrl as it is configured
 */
export function judgeResourceMetadata(
  said: unknown,
  { resourceMatch }: Pick<ClientModel, "resourceMatch">,
  url: string,
  publicUrl: string,
): Finding {
  if (!isObject(said) || typeof said.resource !== "string") return problem("the document has no resource");
  const { resource, authorization_servers: servers } = said;
  const given = URL.parse(url)?.href ?? "";
  const named = URL.parse(resource)?.href ?? "";
  const fits = resourceMatch === "exact" ? named === given : `${given}/`.startsWith(named.replace(/\/?$/, "/"));
  if (!fits) {
    return problem(`the document is about ${quote(resource)}, and the client was given ${url}`, {
      at: ["publicUrl"],
      hint: url.startsWith(`${publicUrl}/`)
        ? "give clients exactly the URL that the document names"
        : "publicUrl has to be what clients are given",
    });
  }
  if (!Array.isArray(servers) || typeof servers[0] !== "string") {
    return problem("there is nowhere to log in: the document names no authorization server", {
      at: ["identity"],
      hint: "set identity.builtin.login.enabled: true, or name an issuer under identity.issuers",
    });
  }
  const others = servers.length > 1 ? `, and ${servers.length - 1} more that clients mostly pass over` : "";
  return ok(`${resource} is opened by tokens of ${quote(servers[0])}${others}`);
}

/** The authorization server that a client goes to. */
export function firstServer(said: unknown): string | undefined {
  const servers = isObject(said) ? said.authorization_servers : undefined;
  const first: unknown = Array.isArray(servers) ? servers[0] : undefined;
  return typeof first === "string" && URL.parse(first) !== null ? first : undefined;
}

/** @param at the line that names the issuer */
export function judgeServerMetadata(said: JsonObject, issuer: string, at: Finding["at"] & object): Finding {
  const wrong = (message: string, hint?: string) => problem(message, { at, ...(hint !== undefined && { hint }) });
  if (said.issuer !== issuer) {
    const slash = String(said.issuer).replace(/\/$/, "") === issuer.replace(/\/$/, "");
    const hint = slash ? "it differs by the slash at its end" : undefined;
    return wrong(`the document is of issuer ${quote(said.issuer)}, expected ${issuer}`, hint);
  }
  for (const name of ["authorization_endpoint", "token_endpoint"]) {
    const endpoint = URL.parse(String(said[name]));
    if (endpoint === null) return wrong(`the document has no ${name}`);
    if (endpoint.protocol !== "https:" && !isLoopbackHost(endpoint.hostname)) return wrong(`${name} is not https`);
  }
  if (Array.isArray(said.response_types_supported) && !said.response_types_supported.includes("code")) {
    return wrong("it gives no codes (response_types_supported)");
  }
  const grants = said.grant_types_supported;
  if (Array.isArray(grants) && !grants.includes("refresh_token")) {
    return warning("it gives no refresh tokens: people log in again whenever a token has expired", { at });
  }
  return ok(`${issuer} says where to ask and where to get tokens`);
}

/** MCP 2026-07-28: clients must refuse to go on where S256 is not announced. */
export function judgePkce(said: JsonObject, at: Finding["at"] & object): Finding {
  const methods = said.code_challenge_methods_supported;
  if (Array.isArray(methods) && methods.includes("S256")) return ok("S256");
  const found = methods === undefined ? "no method at all" : quote(methods);
  return problem(`code_challenge_methods_supported has ${found}, and clients insist on S256`, {
    at,
    hint: "switch PKCE on at the issuer, or let people log in at the gateway (identity.builtin.login)",
  });
}

/** What an identity provider lacks for clients to log in there by themselves. */
export function judgeIssuer(said: JsonObject, issuer: string, at: Finding["at"] & object): Finding[] {
  const findings = [judgeServerMetadata(said, issuer, at), judgePkce(said, at)];
  if (said.registration_endpoint === undefined && said.client_id_metadata_document_supported !== true) {
    findings.push(
      warning(
        "it has no registration_endpoint and takes no metadata documents: every client has to be entered there by hand",
        {
          at,
          hint: "let people log in at the gateway (identity.builtin.login), or enter clients at the issuer and give them their ids",
        },
      ),
    );
  }
  const lack = findKnownLack(issuer);
  if (lack !== undefined) findings.push(warning(lack.message, { at, hint: lack.hint }));
  return findings;
}
