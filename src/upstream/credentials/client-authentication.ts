/** How the gateway shows an authorization server which client it is (RFC 6749 section 2.3.1, RFC 7523 section 2.2). */
import type { AuthorizationServerConfig } from "../../config/credentials.ts";
import { readSigningKey, signCompact } from "../../crypto/compact.ts";

/** Where time and ids come from. */
export interface AuthenticationKit {
  /** Milliseconds since the epoch. */
  now(): number;
  /** An id that no other assertion has. */
  newId(): string;
}

/** Adds to the form what proves the client, and returns the headers that do. */
export type Authenticate = (form: URLSearchParams, endpoint: string) => Readonly<Record<string, string>>;

const assertionTypeOfClients = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const lifetimeSeconds = 60;

type Client = Pick<
  AuthorizationServerConfig,
  "issuer" | "clientId" | "clientSecret" | "clientKey" | "clientKeyId" | "authentication"
>;

/** @throws Error for a key that `check` would have found unfit */
export function createAuthentication(client: Client, kit: AuthenticationKit): Authenticate {
  const { clientId, clientSecret, clientKey, authentication } = client;
  if (clientKey !== undefined) return authenticateByKey(client, clientKey.reveal(), kit);
  const secret = clientSecret?.reveal() ?? "";
  if (authentication === "client_secret_post") {
    return (form) => {
      form.set("client_id", clientId);
      form.set("client_secret", secret);
      return {};
    };
  }
  const pair = `${encodeForm(clientId)}:${encodeForm(secret)}`;
  const headers = { authorization: `Basic ${Buffer.from(pair).toString("base64")}` };
  return () => headers;
}

/**
 * The audience is the issuer where it is known: a token endpoint that an impostor named must get nothing that it could use at
 * another one.
 */
function authenticateByKey(
  { issuer, clientId, clientKeyId }: Client,
  pem: string,
  { now, newId }: AuthenticationKit,
): Authenticate {
  const key = readSigningKey(pem);
  if ("fault" in key) throw new Error(`clientKey: ${key.fault}`);
  const header = { typ: "JWT", ...(clientKeyId !== undefined && { kid: clientKeyId }) };
  return (form, endpoint) => {
    const iat = Math.floor(now() / 1_000);
    const claims = {
      iss: clientId,
      sub: clientId,
      aud: issuer ?? endpoint,
      iat,
      exp: iat + lifetimeSeconds,
      jti: newId(),
    };
    form.set("client_id", clientId);
    form.set("client_assertion_type", assertionTypeOfClients);
    form.set("client_assertion", signCompact(key, header, claims));
    return {};
  };
}

/** `application/x-www-form-urlencoded`, as RFC 6749 section 2.3.1 wants both parts of the pair. */
function encodeForm(text: string): string {
  return new URLSearchParams([["", text]]).toString().slice(1);
}
