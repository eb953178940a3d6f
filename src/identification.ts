import { apiKeyPrefix } from "./auth/api-keys/key-text.ts";
import type { FetchBounds } from "./auth/discovery.ts";
import { createIntrospector, isOpaque } from "./auth/introspection.ts";
import { createAskIssuer } from "./auth/introspection-request.ts";
import type { VerifierIssuer } from "./auth/issuer.ts";
import type { KeySource } from "./auth/jwks.ts";
import { createVerifier, type Verify } from "./auth/jwt.ts";
import type { KeyDemand } from "./auth/keyshelf.ts";
import { resourceOf } from "./auth/metadata.ts";
import { createNonces } from "./auth/nonces.ts";
import { createOwnKeySource } from "./auth/ownkeys.ts";
import { createProofVerifier } from "./auth/proof.ts";
import { compileRequired } from "./auth/required.ts";
import type { SessionRules } from "./auth/session-tokens/book.ts";
import { sessionTokenPrefix } from "./auth/session-tokens/token-text.ts";
import { createTokenCache, type TokenCache } from "./auth/tokens.ts";
import { mapGroups } from "./authorization/federation/accounts.ts";
import type { Config } from "./config/schema.ts";
import { signingAlgorithm } from "./crypto/keyring.ts";
import { Denial } from "./denial.ts";
import type { House } from "./house.ts";
import type { IdentityRules } from "./stages/identity.ts";

/** How callers of one configuration prove who they are. */
export interface Identification {
  readonly rules: IdentityRules & { readonly tokens: TokenCache };
  /** The key sources it uses. */
  readonly demands: readonly KeyDemand[];
  /** Issuers by the name that the configuration gives them, the age of their keys, and how fetching them went, for the metrics. */
  issuers(): Iterable<{ name: string; ageMs: number | undefined; fetches: KeySource["fetches"] }>;
  /** Fetches every issuer's keys, so that the first caller need not wait. */
  prime(): Promise<void>;
}

const maxCachedTokens = 10_000;
/** A core verifies about ten thousand signatures a second; more at once only makes all of them late. */
const maxTokensInVerification = 256;

/** Connects to nothing yet. */
export function openIdentification(config: Config, house: House): Identification {
  const { identity } = config;
  const sources = Object.entries(identity.issuers).map(([name, issuer]) => {
    const demand = demandOf(config, issuer);
    return { name, issuer, demand, keys: house.keys.of(demand) };
  });
  const issuers: VerifierIssuer[] = sources.map(({ name, issuer, keys }) => ({
    name,
    issuer: issuer.issuer,
    audience: issuer.audience,
    algorithms: issuer.algorithms,
    groupsClaim: issuer.claims.groups,
    required: compileRequired(issuer.require),
    keys,
  }));
  if (identity.builtin.enabled) issuers.push(builtinIssuer(config, house));
  const verifyJwt = createVerifier({
    issuers,
    clockSkewMs: identity.clockSkew,
    now: house.now,
    standingOf: house.revocations.standingOf,
  });
  const verifyIssued = withIntrospection(verifyJwt, issuers, config, house);
  const verifyMachine = withApiKeys(verifyIssued, config, house);
  const verify = withSessionTokens(verifyMachine, config, house);
  const tokens = createTokenCache({
    verify,
    now: house.now,
    maxEntries: maxCachedTokens,
    maxConcurrentMisses: maxTokensInVerification,
    maxAgeMs: identity.keysMaxAge,
  });
  const nonces = createNonces((text) => house.keyring.fingerprint("dpop-nonce", text), house.now);
  return {
    rules: {
      tokens,
      certificates: identity.certificates.enabled,
      verifyProof: createProofVerifier({
        now: house.now,
        used: house.proofs,
        nonces: identity.dpop.nonce ? nonces : null,
      }),
      now: house.now,
    },
    demands: sources.map(({ demand }) => demand),
    issuers: () => sources.map(({ name, keys }) => ({ name, ageMs: keys.ageMs(), fetches: keys.fetches })),
    async prime() {
      await Promise.all(sources.map(({ keys }) => keys.prime()));
    },
  };
}

function demandOf({ identity }: Config, { issuer, jwks }: { issuer: string; jwks?: string | undefined }): KeyDemand {
  return { issuer, jwks, maxAgeMs: identity.keysMaxAge, maxStaleMs: identity.keysMaxStale };
}

/** Beside signed tokens, those that only their issuer can tell anything about. */
function withIntrospection(
  verify: Verify,
  issuers: readonly VerifierIssuer[],
  { identity }: Config,
  house: House,
): Verify {
  const issuer = issuers.find(({ name }) => identity.issuers[name]?.introspection !== undefined);
  const introspection = issuer === undefined ? undefined : identity.issuers[issuer.name]?.introspection;
  if (issuer === undefined || introspection === undefined) return verify;
  const { url, clientId, clientSecret, maxAge } = introspection;
  const ask = createAskIssuer({ url, clientId, clientSecret: clientSecret.reveal() }, introspectionBounds);
  const { now } = house;
  const { standingOf } = house.revocations;
  const bounds = { clockSkewMs: identity.clockSkew, maxAgeMs: maxAge };
  const introspect = createIntrospector({ issuer, ask, now, standingOf, ...bounds });
  return async (token, resource) => (isOpaque(token) ? introspect(token, resource) : verify(token, resource));
}

const introspectionBounds: FetchBounds = { timeoutMs: 5_000, maxBytes: 65_536 };

/** Beside signed tokens, API keys: their form tells them apart. */
function withApiKeys(verify: Verify, config: Config, { apiKeys }: House): Verify {
  if (!config.identity.apiKeys.enabled) return without(verify, apiKeyPrefix, "an API key", "apiKeys.enabled is false");
  const serverOf = nameServers(config);
  return async (token, resource) =>
    token.startsWith(apiKeyPrefix) ? apiKeys.verify(token, resource, serverOf) : verify(token, resource);
}

/** Beside those, session tokens, where there are pages on which people make them. */
function withSessionTokens(verify: Verify, config: Config, { sessionTokens }: House): Verify {
  const { sessions, builtin } = config.identity;
  if (!sessions.enabled || !builtin.enabled || !builtin.login.enabled) {
    const why = sessions.enabled ? "builtin.login.enabled is false" : "sessions.enabled is false";
    return without(verify, sessionTokenPrefix, "a session token", why);
  }
  const serverOf = nameServers(config);
  const providers = new Map(
    Object.entries(builtin.login.providers).map(([name, { issuer, groups }]) => [
      name,
      { issuer, groups: new Map(Object.entries(groups)) },
    ]),
  );
  const rules: SessionRules = {
    ...{ idleMs: sessions.idle, absoluteMs: sessions.absolute },
    groupsOf: ({ groups, origin }) => (origin === null ? groups : mapGroups({ ...origin, groups }, providers)),
  };
  return async (token, resource) =>
    token.startsWith(sessionTokenPrefix)
      ? sessionTokens.verify(token, resource, serverOf, rules)
      : verify(token, resource);
}

/** Where these are not accepted, the record says what to change: by its form alone such a token would only be a broken one. */
function without(verify: Verify, prefix: string, what: string, why: string): Verify {
  return async (token, resource) => {
    if (token.startsWith(prefix)) throw new Denial("token_malformed", { detail: `${what}, and identity.${why}` });
    return verify(token, resource);
  };
}

function nameServers({ publicUrl, servers }: Config): (resource: string) => string | undefined {
  const names = new Map(Object.keys(servers).map((name) => [resourceOf(publicUrl, name), name]));
  return (resource) => names.get(resource);
}

/** The issuer of `sallyport token mint`: the gateway itself, under its public URL. */
function builtinIssuer({ publicUrl }: Config, { keyring, now }: House): VerifierIssuer {
  return {
    name: "builtin",
    issuer: publicUrl,
    audience: [],
    algorithms: [signingAlgorithm],
    groupsClaim: "groups",
    required: [],
    keys: createOwnKeySource(keyring, now),
  };
}
