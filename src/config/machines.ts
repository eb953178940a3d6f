/** What `identity.builtin.login` says of clients that the operator knows, and of whoever else speaks for people. */
import { z } from "zod";
import { algorithms } from "./algorithms.ts";
import { duration, httpsUrl, name, secret } from "./fields.ts";

const visible = (most: number) =>
  z.string().regex(new RegExp(`^[\\x21-\\x7e]{1,${most}}$`), "expected printable ASCII");

const publicKey = z
  .looseObject({ kty: z.enum(["EC", "RSA", "OKP"]), kid: z.string().min(1).optional() })
  .describe("A public key as a JWK (RFC 7517).");

export const grants = ["authorization_code", "client_credentials", "jwt-bearer"] as const;

const client = z.strictObject({
  name: z
    .string()
    .min(1)
    .max(100)
    .optional()
    .describe("What people are told that the client is called. Default: its id."),
  redirectUris: z
    .array(z.string().min(1))
    .prefault([])
    .describe("Where people are sent back to, compared exactly; of http URLs of this computer any port will do."),
  secret: secret()
    .optional()
    .describe(
      "Its secret, at least 32 characters, usually a reference to a file; or `sha256:` and its digest in hex. This, or one of `jwks` and `jwksUri`, or none for a program that can keep no secret.",
    ),
  jwks: z
    .strictObject({ keys: z.array(publicKey).min(1) })
    .optional()
    .describe("Its public keys, for private_key_jwt (RFC 7523 section 2.2)."),
  jwksUri: httpsUrl().optional().describe("Where its public keys are."),
  grants: z
    .array(z.enum(grants))
    .min(1)
    .prefault(["authorization_code"])
    .describe(
      "What it gets tokens by: a login of a person, its own secret or key (RFC 6749 section 4.4), or what an identity provider of `assertions` says of a person (ID-JAG).",
    ),
  servers: z
    .array(name())
    .min(1)
    .optional()
    .describe("Servers that it gets tokens for, those of `resources` among them. Default: all."),
  scopes: z
    .array(visible(255))
    .optional()
    .describe("Scopes that it may have beside `mcp`. Default: all that policies require."),
  groups: z
    .array(z.string().min(1).max(255))
    .prefault([])
    .describe("Groups that it is in when it acts for itself (`client_credentials`)."),
  skipConsent: z.boolean().default(false).describe("Give it what it asks for without asking its users."),
  dpopBoundAccessTokens: z
    .boolean()
    .default(false)
    .describe("Give it no tokens but those that are bound to a key which it proves to hold (DPoP, RFC 9449)."),
  requirePushedAuthorizationRequests: z
    .boolean()
    .default(false)
    .describe("Let no browser bring what it asks for: it has to push that first (RFC 9126)."),
});
export type ClientConfig = z.output<typeof client>;

export const clients = z
  .record(visible(200), client)
  .prefault({})
  .describe(
    "Clients that you register yourself, by `client_id`. One that is an https URL, and has no `redirectUris`, is described by its document; what stands here is added.",
  );

const assertion = z.strictObject({
  issuer: httpsUrl().describe("Its `iss` claim, compared exactly, and the base of discovery."),
  jwksUri: httpsUrl().optional().describe("Where its public keys are. Default: discovered from the issuer."),
  algorithms: z
    .array(z.enum(algorithms))
    .min(1)
    .default(["ES256", "RS256", "EdDSA"])
    .describe("Accepted signature algorithms."),
  claims: z
    .strictObject({ groups: z.string().min(1).default("groups").describe("Claim that holds the groups.") })
    .prefault({})
    .describe("Where facts are found in the assertion."),
  groups: z
    .record(z.string().min(1), z.string().min(1).max(255))
    .optional()
    .describe(
      "What its groups are called here; those that are not named are left out. Default: all, as it calls them.",
    ),
  lifetime: duration()
    .prefault("10m")
    .describe("How long an assertion may be good for by what it says itself, at most 1h."),
});

export type AssertionProvider = z.output<typeof assertion>;

export const assertions = z
  .record(name(), assertion)
  .prefault({})
  .describe(
    "Identity providers whose assertions clients get tokens for (ID-JAG, Enterprise-Managed Authorization), by a name that their people's subjects begin with.",
  );
