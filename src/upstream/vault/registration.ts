/** Which client the gateway is at an authorization server, in the order of MCP 2026-07-28, Client Registration. */
import { z } from "zod";
import { readJson } from "../../mcp/json.ts";
import { isObject } from "../../mcp/object.ts";
import { isLoopbackHost } from "../../network/url.ts";
import type { Kind, Store } from "../../state/store.ts";
import { describeClient, documentPathOf } from "./client-document.ts";
import { VaultFault } from "./fault.ts";
import type { GuardedFetch } from "./guarded-fetch.ts";
import type { AuthorizationServer } from "./metadata.ts";

const clientSchema = z.strictObject({
  id: z.string(),
  /** None: a public client, whose codes PKCE binds. */
  secret: z.string().nullable(),
  authentication: z.enum(["client_secret_basic", "client_secret_post", "none"]),
});
/** The gateway as a client. */
export type VaultClient = z.output<typeof clientSchema>;

/** Clients that were registered, by authorization server: no other may see what one has given (Authorization Server Binding). */
const registrations: Kind<VaultClient> = { name: "upstream-client", schema: clientSchema };

/** What is known of the gateway before it asks. */
export interface RegistrationConfig {
  readonly publicUrl: string;
  /** The server's name in the configuration. */
  readonly server: string;
  /** Null where the operator names none. */
  readonly configured: VaultClient | null;
  /** Whether authorization servers can fetch the gateway's own document. */
  readonly clientDocument?: boolean | undefined;
}

/** @throws VaultFault where there is no way to become a client; StoreError */
export async function findClient(
  config: RegistrationConfig,
  server: AuthorizationServer,
  store: Pick<Store, "get" | "put">,
  fetch: GuardedFetch,
): Promise<VaultClient> {
  if (config.configured !== null) return config.configured;
  if (server.readsDocuments && hasDocument(config)) return documentClient(config);
  const key = keyOf(config, server.issuer);
  const known = await store.get(registrations, key);
  if (known !== null) return known.value;
  const client = await register(config, server, fetch);
  // Of two who register at once one counts; the other is never used.
  const put = await store.put(registrations, key, client, { expected: 0 });
  return put === null ? ((await store.get(registrations, key))?.value ?? client) : client;
}

/** The client that a login was made with, as it is now; null where it is none of the gateway's any more. */
export async function recallClient(
  config: RegistrationConfig,
  issuer: string,
  id: string,
  store: Pick<Store, "get">,
): Promise<VaultClient | null> {
  const { configured } = config;
  if (configured !== null) return configured.id === id ? configured : null;
  const own = documentClient(config);
  if (own.id === id) return own;
  const known = await store.get(registrations, keyOf(config, issuer));
  return known?.value.id === id ? known.value : null;
}

/** Lets go of a client that its authorization server does not know any more. */
export async function forgetClient(
  config: RegistrationConfig,
  issuer: string,
  store: Pick<Store, "delete">,
): Promise<void> {
  await store.delete(registrations, keyOf(config, issuer));
}

/** A gateway that is reached on its own machine only is reached by no authorization server. */
function hasDocument({ publicUrl, clientDocument }: RegistrationConfig): boolean {
  const { protocol, hostname } = new URL(publicUrl);
  return protocol === "https:" && (clientDocument ?? !isLoopbackHost(hostname));
}

function documentClient({ publicUrl, server }: RegistrationConfig): VaultClient {
  return { id: `${publicUrl}${documentPathOf(server)}`, secret: null, authentication: "none" };
}

function keyOf({ publicUrl, server }: RegistrationConfig, issuer: string): string {
  return JSON.stringify([publicUrl, server, issuer]);
}

/** RFC 7591, with a secret where the authorization server can (RFC 9700 section 2.5). */
async function register(
  { publicUrl, server }: RegistrationConfig,
  { registrationEndpoint, authentications }: AuthorizationServer,
  fetch: GuardedFetch,
): Promise<VaultClient> {
  if (registrationEndpoint === null) {
    throw new VaultFault(
      "the authorization server knows neither documents nor registration of clients: configure clientId",
    );
  }
  const wanted = preferred.find((each) => authentications.includes(each));
  if (wanted === undefined)
    throw new VaultFault("the authorization server wants another proof of its clients: configure clientId");
  const { status, body } = await fetch(registrationEndpoint, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(describeClient(publicUrl, server, wanted)),
  });
  if (status !== 201 && status !== 200)
    throw new VaultFault(`the authorization server answered a registration with ${status}`);
  return readRegistration(body, wanted);
}

const preferred = ["client_secret_basic", "client_secret_post", "none"] as const;
const visible = /^[\x20-\x7e]{1,2048}$/;

/**
 * What came of a registration (RFC 7591 section 3.2.1).
 *
 * @param wanted what holds where it says nothing else
 * @throws VaultFault where the client cannot be used
 */
export function readRegistration(body: Buffer, wanted: VaultClient["authentication"]): VaultClient {
  const document = parse(body);
  const { client_id: id, client_secret: secret, token_endpoint_auth_method: said = wanted } = document;
  const authentication = preferred.find((each) => each === said);
  if (typeof id !== "string" || !visible.test(id) || authentication === undefined) {
    throw new VaultFault("the authorization server's answer to a registration has no client that can be used");
  }
  if (authentication === "none") return { id, secret: null, authentication };
  if (typeof secret !== "string" || !visible.test(secret)) {
    throw new VaultFault("the authorization server's answer to a registration has no client_secret");
  }
  return { id, secret, authentication };
}

function parse(body: Buffer): Readonly<Record<string, unknown>> {
  try {
    const { value } = readJson(body, { maxDepth: 16, loneSurrogates: "refuse" });
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}
