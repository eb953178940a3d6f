/** One provider, spoken to with openid-client: where people are sent, and what the code is worth that they come back with. */
import { randomUUID } from "node:crypto";
import {
  AuthorizationResponseError,
  allowInsecureRequests,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  type ClientAuth,
  ClientError,
  Configuration,
  customFetch,
  discovery,
  enableNonRepudiationChecks,
  ResponseBodyError,
} from "openid-client";
import { createKeySource, type KeySource } from "../../auth/jwks.ts";
import { algorithms } from "../../config/algorithms.ts";
import { createAuthentication } from "../../upstream/credentials/client-authentication.ts";
import type { ProviderFetch } from "./bounded-fetch.ts";
import { FederationFailure } from "./failure.ts";
import type { LogoutRules } from "./logout-token.ts";
import { discover, type ProviderMetadata, whatFailed } from "./metadata.ts";
import type { ProviderSettings } from "./settings.ts";

/** What is kept to judge the answer by. */
export interface Checks {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
}

export interface Connection {
  /** Where to send somebody. @throws FederationFailure `provider_unavailable`, `provider_unfit` */
  authorize(parameters: Readonly<Record<string, string>>): Promise<URL>;
  /**
   * Trades a code for claims, whose signature, issuer, audience, times and nonce are verified. Tokens are let go of.
   *
   * @param answer the URL that the browser came back to
   * @throws FederationFailure
   */
  redeem(answer: URL, checks: Checks): Promise<Readonly<Record<string, unknown>>>;
  /** What its logout tokens have to be like. @throws FederationFailure `provider_unavailable`, `provider_unfit` */
  logoutRules(): Promise<LogoutRules>;
}

/** How long a discovery document is good, and for how long nobody is asked again who failed, in milliseconds. */
const goodMs = 600_000;
const pauseMs = 5_000;
/** Keys of a provider that rotates them are fetched anew where a token names a new one. */
const keyAges = { maxAgeMs: 600_000, maxStaleMs: 3_600_000 };

interface Held {
  readonly configuration: Promise<Configuration>;
  readonly untilMs: number;
}

/** @param now milliseconds since the epoch */
export function createConnection(settings: ProviderSettings, fetch: ProviderFetch, now: () => number): Connection {
  const { issuer, isForAll, line, client, untypedLogout: untyped } = settings;
  const authenticate = createAuthentication(client, { now, newId: randomUUID });
  const authentication: ClientAuth = ({ token_endpoint }, _client, body, headers) => {
    for (const [name, value] of Object.entries(authenticate(body, token_endpoint ?? ""))) headers.set(name, value);
  };
  let held: Held | null = null;
  let keys: { readonly url: string; readonly source: KeySource } | null = null;

  async function connect(): Promise<Configuration> {
    const metadata = await discover(issuer, isForAll, line("issuer"), fetch);
    const configuration = await configure(metadata, client.clientId, authentication, isForAll);
    configuration[customFetch] = fetch as never;
    // What came over TLS from the token endpoint counts without its signature, says the standard; here it does not.
    enableNonRepudiationChecks(configuration);
    if (new URL(issuer).protocol === "http:") allowInsecureRequests(configuration);
    return configuration;
  }

  /** All who wait share one question; after a failure there is a pause, or whoever presses a button could have a provider flooded. */
  function obtain(): Promise<Configuration> {
    const nowMs = now();
    if (held !== null && nowMs < held.untilMs && nowMs >= held.untilMs - goodMs) return held.configuration;
    const configuration = connect();
    const mine: Held = { configuration, untilMs: nowMs + goodMs };
    held = mine;
    configuration.catch(() => {
      if (held === mine) held = { configuration, untilMs: now() + pauseMs };
    });
    return configuration;
  }

  return {
    async authorize(parameters) {
      return buildAuthorizationUrl(await obtain(), { ...parameters });
    },
    async redeem(answer, { state, nonce, verifier }) {
      const configuration = await obtain();
      const checks = { expectedState: state, expectedNonce: nonce, pkceCodeVerifier: verifier, idTokenExpected: true };
      const tokens = await authorizationCodeGrant(configuration, answer, checks).catch((error: unknown) => {
        throw explain(error, settings);
      });
      return { ...tokens.claims() };
    },
    async logoutRules() {
      const said = (await obtain()).serverMetadata();
      const { jwks_uri: url = "", id_token_signing_alg_values_supported: listed = ["RS256"] } = said;
      if (keys?.url !== url) keys = { url, source: createKeySource({ origin: { kind: "url", url }, ...keyAges, now }) };
      return {
        issuer: said.issuer,
        clientId: client.clientId,
        untyped,
        // Nobody but the provider signs with these: a secret is known at both ends, and `none` to everybody.
        algorithms: algorithms.filter((name) => listed.includes(name)),
        keys: keys.source,
      };
    },
  };
}

/**
 * An issuer that stands for many tenants leaves its own name open, and the ID token says which it is. The library puts the token's tenant into
 * the name only where it discovered the issuer of Microsoft's public cloud itself: so it is given the document as if it had. Which tenants may
 * be named is `require`'s to say (config/login-rules.ts sees to it that it does).
 */
async function configure(
  metadata: ProviderMetadata,
  clientId: string,
  authentication: ClientAuth,
  isForAll: boolean,
): Promise<Configuration> {
  if (!isForAll) return new Configuration({ ...metadata }, clientId, undefined, authentication);
  const document = async () => Response.json(metadata);
  const place = new URL("https://login.microsoftonline.com/common/v2.0");
  return discovery(place, clientId, undefined, authentication, { [customFetch]: document });
}

/** What the library found, by a name of ours. Its errors hold tokens and whole answers, which go no further. */
function explain(error: unknown, settings: ProviderSettings): FederationFailure {
  const { line } = settings;
  if (error instanceof FederationFailure) return error;
  if (error instanceof AuthorizationResponseError) return explainAnswer(error.error, line);
  if (error instanceof ResponseBodyError) return explainRefusal(error, settings);
  if (!(error instanceof ClientError)) return new FederationFailure("provider_unavailable", whatFailed(error));
  const { code } = error;
  // The library wraps what fetching failed with.
  if (code === undefined) return new FederationFailure("provider_unavailable", whatFailed(error.cause));
  if (noAnswer.has(code))
    return new FederationFailure("provider_unavailable", `no answer of the kind that is due (${code})`);
  const { claim, parameters } = readCause(error.cause);
  // The only thing of the answer that the library is the first to look at (RFC 9207 section 2.4).
  if (parameters !== undefined) {
    return new FederationFailure("return_mixed", "`iss` of the answer is missing, or names another issuer");
  }
  const detail = `the ID token or its key is not right (${code}${claim === undefined ? "" : `: ${claim}`})`;
  return new FederationFailure("id_token_refused", `${detail}; are ${line("issuer")} and clientId right?`);
}

const noAnswer: ReadonlySet<string> = new Set([
  "OAUTH_RESPONSE_IS_NOT_CONFORM",
  "OAUTH_RESPONSE_IS_NOT_JSON",
  "OAUTH_PARSE_ERROR",
  "OAUTH_TIMEOUT",
  "OAUTH_ABORT",
]);

/** What it was about: the library names a claim, and the values beside it stay where they are. */
function readCause(cause: unknown): { readonly claim?: string; readonly parameters?: unknown } {
  const { cause: inner } = (cause ?? {}) as { cause?: unknown };
  const { claim, parameters } = (inner ?? {}) as { claim?: unknown; parameters?: unknown };
  return { ...(typeof claim === "string" && /^\w{1,32}$/.test(claim) && { claim }), parameters };
}

/** RFC 6749 section 4.1.2.1, and OpenID Connect Core section 3.1.2.6. */
function explainAnswer(code: string, line: ProviderSettings["line"]): FederationFailure {
  if (code === "access_denied") return new FederationFailure("provider_denied", "the provider answered access_denied");
  const hints: Readonly<Record<string, string>> = {
    invalid_scope: `; it does not know all of ${line("scopes")}`,
    unauthorized_client: `; let the client ${line("clientId")} use the authorization code flow`,
    unsupported_response_type: `; let the client ${line("clientId")} use the authorization code flow`,
  };
  const known = /^[a-z_]{1,64}$/.test(code) ? code : "an error";
  return new FederationFailure("provider_error", `the provider answered ${known}${hints[known] ?? ""}`);
}

/** RFC 6749 section 5.2. Entra's number says more than the code, and a description could say whatever. */
function explainRefusal(
  { error: code, error_description: text }: ResponseBodyError,
  { line, redirectUri }: ProviderSettings,
): FederationFailure {
  const hints: Readonly<Record<string, string>> = {
    invalid_client: `; are ${line("clientId")}, its secret or key, and authentication right?`,
    invalid_grant: `; is ${redirectUri} registered there, to the letter?`,
    redirect_uri_mismatch: `; register ${redirectUri} there, to the letter`,
    unauthorized_client: `; let the client ${line("clientId")} use the authorization code flow, and see to authentication`,
  };
  const known = /^[a-z_]{1,64}$/.test(code) ? code : "an error";
  const [number = ""] = /\bAADSTS\d{1,9}\b/.exec(text ?? "") ?? [];
  const more = number === "" ? "" : ` (${number})`;
  return new FederationFailure("provider_refused", `the token endpoint answered ${known}${more}${hints[known] ?? ""}`);
}
