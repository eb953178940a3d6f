/** How a client becomes known to an authorization server (MCP 2026-07-28, Client Registration). Pure. */
import { isObject, type JsonObject } from "../../mcp/object.ts";
import type { ClientModel } from "./clients.ts";
import { type Finding, ok, problem, quote, skipped, warning } from "./finding.ts";
import { oauthErrorOf } from "./refusal.ts";
import { type Answer, readBody } from "./wire.ts";

/** Which way a client takes. */
export type Way =
  | { readonly kind: "document"; readonly id: string }
  | { readonly kind: "register"; readonly endpoint: string }
  | { readonly kind: "none" };

/** Its document where that is taken, else a registration: as clients choose, without knowing whether it will be let in. */
export function chooseWay({ document }: Pick<ClientModel, "document">, said: JsonObject): Way {
  const { registration_endpoint: endpoint } = said;
  if (document?.url && takesDocuments(said)) return { kind: "document", id: document.url };
  return typeof endpoint === "string" && URL.parse(endpoint) !== null
    ? { kind: "register", endpoint }
    : { kind: "none" };
}

/** Clients with a document have no secret. */
function takesDocuments(said: JsonObject): boolean {
  const methods = said.token_endpoint_auth_methods_supported;
  const open = !Array.isArray(methods) || methods.includes("none");
  return open && said.client_id_metadata_document_supported === true;
}

/** What an authorization server of ours is set to, and the line of an issuer that is not. */
export interface Rules {
  /** Whether documents of a host are accepted; null for an authorization server of somebody else. */
  readonly allowsHost: ((host: string) => boolean) | null;
  readonly at: Finding["at"] & object;
}

const login = ["identity", "builtin", "login"];

/** Judges a way before it is gone; null where there is nothing to say yet. */
export function judgeWay(way: Way, { document }: Pick<ClientModel, "document">, said: JsonObject, rules: Rules) {
  const isOurs = rules.allowsHost !== null;
  if (document !== null && takesDocuments(said) && rules.allowsHost?.(document.host) === false) {
    return problem(`its metadata document is of ${document.host}, whose clients are not let in`, {
      at: [...login, "clientHosts"],
      hint: `add ${document.host}: the client does not register where documents are taken`,
    });
  }
  if (way.kind === "document") return ok(`known by its document ${way.id}`);
  if (way.kind === "register") return null;
  if (document !== null && takesDocuments(said)) {
    return skipped(
      `known by a document of ${document.host} that has another URL for everybody, which cannot be tried from here`,
    );
  }
  return problem(
    "it could only be entered by hand: there is no registration_endpoint, and no document of it is taken",
    {
      at: isOurs ? [...login, "registration"] : rules.at,
      hint: isOurs
        ? "set it to true"
        : "let people log in at the gateway (identity.builtin.login), or give the client an id of the issuer",
    },
  );
}

/** A client as it was registered. */
export interface Registered {
  readonly id: string;
  /** Where it can be ended (RFC 7592), if anywhere. */
  readonly management: { readonly url: string; readonly token: string } | null;
}

/** @returns null where there is no client now */
export function readRegistered(answer: Answer): Registered | null {
  const said = readBody(answer);
  if (answer.status >= 300 || !isObject(said) || typeof said.client_id !== "string") return null;
  const { registration_client_uri: url, registration_access_token: token } = said;
  const management = typeof url === "string" && typeof token === "string" ? { url, token } : null;
  return { id: said.client_id, management };
}

/** @param uris that it asked for */
export function judgeRegistration(answer: Answer, uris: readonly string[], { at, allowsHost }: Rules): Finding {
  const said = readBody(answer);
  const lines = { at: allowsHost === null ? at : [...login, "registration"] };
  if (answer.status === 429) return problem("too many clients registered; try again later", lines);
  if (readRegistered(answer) === null) {
    return problem(`refused (HTTP ${answer.status}): ${quote(oauthErrorOf(answer))}`, lines);
  }
  const kept: readonly unknown[] = isObject(said) && Array.isArray(said.redirect_uris) ? said.redirect_uris : [];
  const lost = uris.filter((uri) => !kept.includes(uri));
  if (lost.length > 0) return problem(`registered without ${lost.join(", ")}`, { at });
  const secret = isObject(said) && said.client_secret !== undefined;
  return secret ? warning("registered, and given a secret that it did not ask for") : ok("registered itself");
}
