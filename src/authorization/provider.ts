/** The authorization server itself: oidc-provider, as this gateway wants it (OAuth 2.1, MCP 2026-07-28 Authorization). */
import type { JWK } from "jose";
import Provider, { type Configuration, errors, type KoaContextWithOIDC } from "oidc-provider";
import { proofAlgorithms } from "../auth/proof-algorithms.ts";
import { grantClaim } from "../auth/revocations.ts";
import type { Account } from "../auth/users/directory.ts";
import type { Store } from "../state/store.ts";
import { accountClientId, describeAccountClient, grantLogin } from "./account/client.ts";
import { createAdapterFactory } from "./adapter.ts";
import { ownParameters, responseMode } from "./asked.ts";
import { createRegistrations } from "./clients/registrations.ts";
import { mayUseClient } from "./cors.ts";
import { isMet, mfaContext, undatedSeconds } from "./demands.ts";
import { admitAsserted } from "./federation/accounts.ts";
import { isResultOver, keepOrigin } from "./federation/origin.ts";
import { type ClientDemands, createClientAssertionCheck, equipClients, holdClients } from "./machines/equip.ts";
import { nameBearer, registerGrants } from "./machines/grants.ts";
import type { Machines } from "./machines/machines.ts";
import { createSpendOnce } from "./machines/once.ts";
import { bindRefreshToken } from "./machines/proofs.ts";
import { findResource, mayHave } from "./machines/reach.ts";
import { announceProfiles } from "./machines/registered.ts";
import { findGrant } from "./machines/skip-consent.ts";
import { hasNews } from "./news/keep.ts";
import { answerOutages } from "./outage.ts";
import { stopStrangers } from "./outside.ts";
import { pageHeaders } from "./pages/pages.ts";
import { mount, pagesPath, pushPath } from "./paths.ts";
import { createPrompts, noticePrompt } from "./prompts.ts";
import type { Resources } from "./resources.ts";

/** What {@link createProvider} needs. */
export interface ProviderOptions {
  /** Origin; also the issuer. */
  readonly publicUrl: string;
  readonly resources: Resources;
  readonly store: Store;
  readonly machines: Machines;
  /** Private keys, the one to sign with first. */
  readonly jwks: readonly JWK[];
  /** Signs cookies. */
  readonly cookieKey: string;
  /** 32 bytes that nonces of proofs are made of; null where none is asked for. */
  readonly nonceSecret: Buffer | null;
  readonly findAccount: (name: string) => Promise<Account | null>;
  readonly fetch: (url: string, options?: RequestInit) => Promise<Response>;
  /** Whether clients may be known by metadata documents at all. */
  readonly documents: boolean;
  /** Whether a host may say what its clients are. */
  readonly allowHost: (host: string) => boolean;
  readonly registration: boolean;
  readonly demands: ClientDemands;
  /** Whether a secret proves who a client is. */
  readonly clientSecrets: boolean;
  readonly ttlMs: {
    readonly accessToken: number;
    readonly refreshToken: number;
    readonly session: number;
    /** Of a browser that is not used. */
    readonly sessionIdle: number;
  };
  readonly renderError: (error: string, description: string | undefined) => string;
  /** Makes access tokens of a grant void. */
  readonly voidGrant: (grantId: string) => Promise<void>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

const seconds = (ms: number) => Math.ceil(ms / 1_000);

/** How long somebody may take to log in and consent, in seconds. */
const interactionTtl = 900;
const codeTtl = 60;

export function createProvider(options: ProviderOptions): Provider {
  const { publicUrl, resources, machines, ttlMs, now } = options;
  const configuration: Configuration = {
    adapter: createAdapterFactory({
      ...{ store: options.store, now, idleMs: ttlMs.sessionIdle, voided: options.voidGrant },
      registrations: createRegistrations(options.store, now, ttlMs.refreshToken),
    }),
    jwks: { keys: [...options.jwks] },
    clients: [
      describeAccountClient(publicUrl),
      ...[...machines.clients.values()].flatMap(({ metadata }) => metadata ?? []),
    ],
    clockTolerance: seconds(machines.clockSkewMs),
    assertJwtClientAuthClaimsAndHeader: createClientAssertionCheck(publicUrl, now),
    formats: { customizers: { jwt: nameBearer } },
    responseTypes: ["code"],
    // Refresh tokens are for whoever can use them. Clients that see `offline_access` on offer would have consent asked for each time.
    scopes: ["openid"],
    acrValues: [mfaContext],
    extraParams: Object.values(ownParameters),
    claims: { openid: ["sub"], acr: null, amr: null, auth_time: null, iss: null, sid: null },
    pkce: { required: () => true },
    // Of the same origin as the pages, and of no use to scripts.
    cookies: {
      keys: [options.cookieKey],
      names: {
        session: "__Host-sallyport",
        interaction: "__Secure-sallyport-login",
        resume: "__Secure-sallyport-resume",
      },
      long: { httpOnly: true, secure: true, sameSite: "lax", signed: true, path: "/" },
      short: { httpOnly: true, secure: true, sameSite: "lax", signed: true },
    },
    clientDefaults: {
      token_endpoint_auth_method: "none",
      id_token_signed_response_alg: "ES256",
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
    },
    clientAuthMethods: [
      "none",
      ...(options.clientSecrets ? (["client_secret_basic", "client_secret_post"] as const) : []),
      "private_key_jwt",
    ],
    enabledJWA: {
      idTokenSigningAlgValues: ["ES256"],
      clientAuthSigningAlgValues: ["ES256", "RS256", "PS256", "EdDSA"],
      dPoPSigningAlgValues: [...proofAlgorithms],
    },
    features: {
      devInteractions: { enabled: false },
      userinfo: { enabled: false },
      rpInitiatedLogout: { enabled: false },
      revocation: { enabled: true },
      registration: { enabled: options.registration, issueRegistrationAccessToken: false },
      pushedAuthorizationRequests: { enabled: true },
      dPoP: {
        enabled: true,
        ...(options.nonceSecret !== null && { nonceSecret: options.nonceSecret, requireNonce: () => true }),
      },
      clientIdMetadataDocument: {
        enabled: options.documents,
        ack: "draft-02",
        allowFetch: (_ctx, id) => isMetadataUrl(id) && options.allowHost(new URL(id).hostname),
        allowClient: (_ctx, { clientId }) => options.allowHost(new URL(clientId).hostname),
        cacheDuration: { min: 60, max: 3_600 },
      },
      resourceIndicators: {
        enabled: true,
        defaultResource(_ctx, client, oneOf) {
          if (client.clientId === accountClientId) return [];
          const picked = resources.pick(oneOf);
          if (picked !== undefined) return picked;
          throw new errors.InvalidTarget("name the MCP server in `resource`: there are several (RFC 8707)");
        },
        useGrantedResource: () => true,
        getResourceServerInfo(ctx, resource, { clientId }) {
          const client = machines.clients.get(clientId);
          const audience = findResource(resources, client, resource);
          if (audience === undefined || clientId === accountClientId)
            throw new errors.InvalidTarget("there is no such MCP server here");
          const login = findLogin(ctx);
          const isOffered = (scope: string) =>
            mayHave(client, scope) &&
            (login === undefined || isMet(resources.demandOf(resource, [scope]), login, now()));
          return {
            // A scope whose login has become too old goes, so that the client has to come back for it with its user.
            scope: resources.scopesOf(resource).filter(isOffered).join(" "),
            audience,
            accessTokenFormat: "jwt",
            accessTokenTTL: seconds(ttlMs.accessToken),
            jwt: { sign: { alg: "ES256" } },
          };
        },
      },
    },
    clientBasedCORS: (_ctx, origin, client) => mayUseClient(origin, client),
    fetch: (url, init) => options.fetch(String(url), init as RequestInit),
    interactions: {
      url: (_ctx, { uid }) => `${pagesPath}/${uid}`,
      policy: createPrompts(resources, now, (name) => hasNews(options.store, name)),
    },
    async findAccount({ oidc }, name, token) {
      const account = await options.findAccount(name);
      const login = token !== undefined && "authTime" in token ? token.authTime : oidc.session?.loginTs;
      if (account === null || (login ?? 0) < account.loginsFrom) return undefined;
      if (token === undefined && (await isResultOver(options.store, oidc))) return undefined;
      return { accountId: name, claims: () => ({ sub: name }), groups: account.groups };
    },
    async loadExistingGrant(ctx) {
      keepOrigin(ctx);
      if (ctx.oidc.client?.clientId === accountClientId) return grantLogin(ctx);
      return findGrant(machines, resources, options.store, ctx, now);
    },
    issueRefreshToken: (_ctx, client) => client.grantTypeAllowed("refresh_token"),
    rotateRefreshToken: bindRefreshToken,
    // A client goes on when its user's browser has long been closed; what ends it is in revoke.ts and findAccount.
    expiresWithSession: () => false,
    // What policies decide by; nothing that the gateway could not have looked up itself.
    async extraTokenClaims(ctx, token) {
      const name = "accountId" in token ? token.accountId : undefined;
      if (name === undefined) return undefined;
      const account = await options.findAccount(name);
      const login = findLogin(ctx);
      // Whoever was disabled, or has got another password, since that was looked at: what is signed from now on may be of the next second.
      if (login !== undefined && (account === null || (login.authTime ?? 0) < account.loginsFrom))
        throw new errors.InvalidGrant("the login has ended");
      const { acr, amr, authTime } = login ?? {};
      const grant = "grantId" in token ? token.grantId : undefined;
      return {
        groups: account?.groups ?? [],
        ...(grant !== undefined && { [grantClaim]: grant }),
        ...(acr !== undefined && { acr }),
        ...(amr !== undefined && { amr }),
        ...(authTime !== undefined && authTime !== undatedSeconds && { auth_time: authTime }),
        ...(account?.email !== undefined && { email: account.email }),
      };
    },
    ttl: {
      AuthorizationCode: codeTtl,
      Interaction: interactionTtl,
      RefreshToken: seconds(ttlMs.refreshToken),
      // From the login here on, however busy the browser is: `loginTs` may be when somebody logged in elsewhere, long before, or unknown.
      Session: ({ oidc: { result } }, { exp }) => {
        const isLogin =
          result?.login !== undefined && result.consent === undefined && result[noticePrompt] === undefined;
        const left = isLogin || exp === undefined ? Number.POSITIVE_INFINITY : exp - Math.floor(now() / 1_000);
        return Math.max(1, Math.min(seconds(ttlMs.session), left));
      },
      Grant: seconds(ttlMs.refreshToken),
      IdToken: seconds(ttlMs.accessToken),
    },
    routes: {
      authorization: `${mount}/authorize`,
      token: `${mount}/token`,
      registration: `${mount}/register`,
      pushed_authorization_request: pushPath,
      revocation: `${mount}/revoke`,
      jwks: `${mount}/jwks`,
    },
    renderError(ctx, { error, error_description }) {
      ctx.set({ ...pageHeaders([]) });
      ctx.body = options.renderError(error, error_description);
    },
    discovery: {
      resource_indicators_supported: true,
      ...(options.demands.pushed && { require_pushed_authorization_requests: true }),
      ...announceProfiles(machines.clients.values()),
    },
  };
  const provider = new Provider(publicUrl, configuration);
  // Scheme, host and address of a request are those that the gateway found, and says in forwarding headers of its own.
  provider.proxy = true;
  answerOutages(provider);
  // What the library says itself there, its own settings do not change.
  provider.use(async (ctx, next) => {
    await next();
    if (ctx.oidc?.route === "discovery")
      Object.assign(ctx.body as object, { response_modes_supported: [responseMode] });
  });
  stopStrangers(provider, options.findAccount, (id) => machines.clients.has(id));
  const spendOnce = createSpendOnce(options.store);
  equipClients(provider, machines, spendOnce);
  holdClients(provider, options.demands);
  const admit = (subject: string, issuer: string) => admitAsserted(options.store, subject, issuer);
  registerGrants(provider, { machines, resources, spendOnce, admit, tokenTtl: seconds(ttlMs.accessToken), now });
  return provider;
}

/** The login that a token is asked for with; undefined where nobody asks for one yet. */
function findLogin({ oidc: { entities } }: KoaContextWithOIDC) {
  return entities.AuthorizationCode ?? entities.RefreshToken;
}

/** MCP 2026-07-28, Client Registration: https, and a path. */
function isMetadataUrl(id: string): boolean {
  const url = URL.parse(id);
  return url !== null && url.protocol === "https:" && url.pathname !== "/" && url.search === "";
}
