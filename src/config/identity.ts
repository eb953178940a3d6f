/** The part `identity` of the configuration: whose proofs are accepted, and how. */
import { z } from "zod";
import { algorithms } from "./algorithms.ts";
import { duration, httpsUrl, name, secret } from "./fields.ts";
import { loginProviders } from "./login-providers.ts";
import { resources } from "./login-resources.ts";
import { assertions, clients } from "./machines.ts";

const introspection = z
  .strictObject({
    url: httpsUrl().describe("The endpoint."),
    clientId: z.string().min(1).describe("The gateway's own client id there."),
    clientSecret: secret().describe("The secret of this client."),
    maxAge: duration()
      .prefault("30s")
      .describe("How long an answer is good, at most 5m: a token that was revoked is accepted for as long."),
  })
  .describe(
    "Ask this issuer about bearer tokens that are no JWT (RFC 7662). Only one issuer can be asked, since such tokens do not say whose they are.",
  );

const issuer = z.strictObject({
  issuer: httpsUrl().describe("The `iss` claim, compared exactly, and the base of discovery."),
  jwks: z.string().min(1).optional().describe("URL or file of the key set. Default: discovered from the issuer."),
  audience: z
    .array(z.string().min(1))
    .prefault([])
    .describe("Accepted `aud` values. Default: the resource URL of the server that is called."),
  algorithms: z
    .array(z.enum(algorithms))
    .min(1)
    .default(["ES256", "RS256", "EdDSA"])
    .describe("Accepted signature algorithms."),
  claims: z
    .strictObject({
      groups: z
        .string()
        .min(1)
        .default("groups")
        .describe("Claim that holds the groups: a name at the top level of the token, not a path."),
    })
    .prefault({})
    .describe("Where facts are found in the token."),
  introspection: introspection.optional(),
  require: z
    .record(z.string(), z.array(z.string().min(1)).min(1))
    .prefault({})
    .describe(
      "Claims that a token must have, each with the texts it may be (with * and ?): a name at the top level, or a JSON Pointer such as /kubernetes.io/namespace.",
    ),
});

const login = z
  .strictObject({
    enabled: z
      .boolean()
      .default(false)
      .describe(
        "Be an authorization server: users (`sallyport user add`) log in on pages of the gateway, and MCP clients get their tokens by it.",
      ),
    accessToken: duration().prefault("10m").describe("How long a token is good; a client gets the next one by itself."),
    refreshToken: duration()
      .prefault("30d")
      .describe("How long a client that was not used needs no new login. Each use begins it anew."),
    session: duration().prefault("8h").describe("How long a browser stays logged in, however much it is used."),
    sessionIdle: duration()
      .prefault("30m")
      .describe("How long a browser stays logged in without being used, at least 5m."),
    dpopBoundAccessTokens: z
      .boolean()
      .default(false)
      .describe(
        "Give no client any token but those that are bound to a key which it proves to hold (DPoP, RFC 9449). No MCP client does so by itself yet.",
      ),
    requirePushedAuthorizationRequests: z
      .boolean()
      .default(false)
      .describe(
        "Let no browser bring what a client asks for: all have to push that first (RFC 9126). No MCP client does so by itself yet.",
      ),
    clientSecrets: z
      .boolean()
      .default(true)
      .describe(
        "Whether clients may prove who they are with a secret, be they of the operator or registered by themselves; without, a key is all that does (private_key_jwt).",
      ),
    registration: z
      .boolean()
      .default(true)
      .describe("Let clients register themselves (RFC 7591), for those that have no metadata document."),
    clientHosts: z
      .array(z.string().min(1))
      .prefault(["*"])
      .describe(
        "Hosts whose client metadata documents are accepted, with * and ?. With none, documents are not asked for, and clients register.",
      ),
    insideHosts: z
      .array(z.string().min(1))
      .prefault([])
      .describe("Hosts of such documents that may have addresses that are not public."),
    clients,
    assertions,
    passwords: z
      .boolean()
      .default(true)
      .describe("Whether users of the gateway's own (`sallyport user add`) may log in."),
    breachedPasswords: z
      .string()
      .min(1)
      .optional()
      .describe(
        "File with breached passwords that nobody may choose, as Have I Been Pwned gives them out: lines of SHA-1, `:` and count, sorted by the SHA-1. Besides the list that is part of the gateway.",
      ),
    providers: loginProviders,
    resources,
  })
  .prefault({});

export const identity = z
  .strictObject({
    issuers: z
      .record(name(), issuer)
      .prefault({})
      .describe("Token issuers that are trusted, by a name of your choice."),
    builtin: z
      .strictObject({
        enabled: z
          .boolean()
          .default(true)
          .describe("Accept tokens signed by the gateway's own key (`sallyport token mint`)."),
        login,
      })
      .prefault({}),
    apiKeys: z
      .strictObject({
        enabled: z
          .boolean()
          .default(false)
          .describe("Accept API keys (`sallyport key create`), for machines that cannot log in."),
      })
      .prefault({}),
    sessions: z
      .strictObject({
        enabled: z
          .boolean()
          .default(true)
          .describe(
            "Let users who log in at the gateway (`builtin.login`) make session tokens, for clients that can only send a fixed header, and accept these.",
          ),
        idle: duration().prefault("8h").describe("How long such a token lasts without being used."),
        absolute: duration().prefault("24h").describe("How long it lasts at most."),
      })
      .prefault({}),
    certificates: z
      .strictObject({
        enabled: z
          .boolean()
          .default(false)
          .describe(
            "Accept calls without a token over a connection with a client certificate (`listen.tls.clientCa`); the name that it was issued for is the subject.",
          ),
      })
      .prefault({}),
    dpop: z
      .strictObject({
        nonce: z
          .boolean()
          .default(false)
          .describe(
            "Let proofs (DPoP) repeat a nonce of the gateway, so that none can be made ahead. A client learns it by its first refusal.",
          ),
      })
      .prefault({}),
    clockSkew: duration().prefault("30s").describe("Tolerance for clocks that disagree, at most 5m."),
    keysMaxAge: duration().prefault("10m").describe("Age after which a key set is fetched again."),
    keysMaxStale: duration()
      .prefault("24h")
      .describe("How long an old key set still serves while its source cannot be reached."),
  })
  .prefault({});
