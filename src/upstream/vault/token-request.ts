/**
 * What the gateway asks of an authorization server as its client. oauth4webapi writes the requests, but does not read the answers: it
 * accepts members that are there twice, text of another media type, lifetimes such as `60abc` and tokens that fit into no header, gives up
 * on a login over an ID token that nobody has asked for, and its errors hold whole answers.
 */
import {
  allowInsecureRequests,
  authorizationCodeGrantRequest,
  type Client,
  type ClientAuth,
  customFetch,
  None,
  refreshTokenGrantRequest,
  revocationRequest,
  type TokenEndpointRequestOptions,
} from "oauth4webapi";
import { Secret } from "../../config/secret.ts";
import { readRetryAfter } from "../../network/backoff.ts";
import { createAuthentication } from "../credentials/client-authentication.ts";
import { type Issued, readIssued } from "../credentials/token-answer.ts";
import { TokenFailure } from "../credentials/token-failure.ts";
import { VaultFault } from "./fault.ts";
import type { Fetched, GuardedFetch } from "./guarded-fetch.ts";
import type { VaultClient } from "./registration.ts";

/** Who asks for tokens, and where. */
export interface TokenDesk {
  readonly fetch: GuardedFetch;
  readonly client: VaultClient;
  readonly issuer: string;
  readonly tokenEndpoint: string;
  /** What the tokens are for (RFC 8707). */
  readonly resource: string;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
}

/** How the library asks, so that it asks as the gateway does. */
type Manner = Required<
  Pick<TokenEndpointRequestOptions, "headers" | typeof allowInsecureRequests | typeof customFetch>
>;

/**
 * Trades the code of a login for tokens.
 *
 * @param answer what the library has found to be an answer: it redeems no other code
 * @throws TokenFailure `denied` where it is the user's grant that is refused
 */
export function redeemCode(
  desk: TokenDesk,
  answer: URLSearchParams,
  redirectUri: string,
  verifier: string,
): Promise<Issued> {
  const { issuer, tokenEndpoint: token_endpoint, resource } = desk;
  return requestTokens(desk, (client, proof, manner) => {
    const options = { ...manner, additionalParameters: { resource } };
    const server = { issuer, token_endpoint };
    return authorizationCodeGrantRequest(server, client, proof, answer, redirectUri, verifier, options);
  });
}

/**
 * Asks for the next tokens of a login.
 *
 * @throws TokenFailure `denied` where it is the user's grant that is refused
 */
export function renewTokens(desk: TokenDesk, refreshToken: string): Promise<Issued> {
  const { issuer, tokenEndpoint: token_endpoint, resource } = desk;
  return requestTokens(desk, (client, proof, manner) => {
    const options = { ...manner, additionalParameters: { resource } };
    return refreshTokenGrantRequest({ issuer, token_endpoint }, client, proof, refreshToken, options);
  });
}

/**
 * Tells an authorization server that a token is not wanted any more (RFC 7009).
 *
 * @returns the status it answered with; 200 for one that counts no more, whether it did before or not
 * @throws VaultFault
 */
export async function revokeToken(
  { fetch, client, issuer }: Pick<TokenDesk, "fetch" | "client" | "issuer">,
  revocationEndpoint: string,
  token: string,
  sort: "refresh_token" | "access_token",
): Promise<number> {
  const { status } = await ask(fetch, client, (client, proof, manner) => {
    const options = { ...manner, additionalParameters: { token_type_hint: sort } };
    return revocationRequest({ issuer, revocation_endpoint: revocationEndpoint }, client, proof, token, options);
  });
  return status;
}

type Send = (client: Client, proof: ClientAuth, manner: Manner) => Promise<Response>;

async function requestTokens({ fetch, client, nowMs }: TokenDesk, send: Send): Promise<Issued> {
  const { status, headers, body } = await ask(fetch, client, send).catch((error: unknown) => {
    throw error instanceof VaultFault ? new TokenFailure("unavailable", error.message) : error;
  });
  const { "content-type": type, "retry-after": retryAfter } = headers;
  const contentType = typeof type === "string" ? type : "";
  return readIssued({ status, contentType, body, retryAfterMs: readRetryAfter(retryAfter, nowMs) }, "caller");
}

/**
 * Lets the library ask once, by way of the guarded fetch.
 *
 * @returns the answer, which the library has not seen
 * @throws VaultFault
 */
async function ask(fetch: GuardedFetch, client: VaultClient, send: Send): Promise<Fetched> {
  const { promise: answered, resolve } = Promise.withResolvers<Fetched>();
  await send({ client_id: client.id }, proofOf(client), {
    // Else it names itself and its version.
    headers: { "user-agent": "Sallyport" },
    // Who may be asked without TLS is for the guarded fetch to say.
    [allowInsecureRequests]: true,
    async [customFetch](url, { method, headers, body }) {
      resolve(await fetch(url, { method, headers, body: body.toString() }));
      return new Response();
    },
  });
  return answered;
}

/**
 * A public client names itself; any other proves itself as the gateway does elsewhere. The library's own way would write each hyphen of an id
 * as `%2D`, which is right, and strange to servers that decode nothing.
 */
function proofOf({ id, secret, authentication }: VaultClient): ClientAuth {
  if (secret === null || authentication === "none") return None();
  const authenticate = createAuthentication({ clientId: id, clientSecret: new Secret(secret), authentication }, noKey);
  return ({ issuer }, _client, form, headers) => {
    for (const [name, value] of Object.entries(authenticate(form, issuer))) headers.set(name, value);
  };
}

/** What only a proof by key would take. */
const noKey = { now: () => 0, newId: () => "" };
