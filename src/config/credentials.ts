/** What `servers.<name>.credentials` says. */
import { z } from "zod";
import { httpsUrl, read, scope, secret } from "./fields.ts";
import { describeUserLogin } from "./user-login.ts";

const assertion = z
  .strictObject({
    audience: z
      .string()
      .regex(/^[\x21-\x7e]{1,1024}$/, "expected printable ASCII without spaces")
      .optional()
      .describe("The `aud` claim. Default: `url` of the server."),
    groups: z.boolean().default(true).describe("Whether the caller's groups are in it."),
  })
  .describe(
    "Says who the caller is, in a JWT that the gateway signs for each message: header Sallyport-Identity, keys at /.well-known/sallyport-jwks.json. May stand beside another one.",
  );

export type AssertionConfig = z.output<typeof assertion>;

export const authentications = ["client_secret_basic", "client_secret_post", "private_key_jwt"] as const;

const readUri = (text: string) => (URL.canParse(text) && !text.includes("#") ? text : undefined);
const visible = () => z.string().regex(/^[\x20-\x7e]+$/, "expected printable ASCII");
const resource = () => read(readUri, "an absolute URI without a fragment");

/** An authorization server, and the gateway as its client. */
const authorizationServer = {
  issuer: httpsUrl()
    .optional()
    .describe(
      "Authorization server whose token endpoint is discovered (RFC 8414, OpenID Connect). This or `tokenEndpoint`.",
    ),
  tokenEndpoint: httpsUrl().optional().describe("The token endpoint itself."),
  clientId: visible().describe("The gateway's `client_id` there."),
  clientSecret: secret().optional().describe("Its secret. This or `clientKey`."),
  clientKey: secret()
    .optional()
    .describe(
      "Its private key in PEM, usually a reference to a file: EC, RSA or Ed25519, for private_key_jwt (RFC 7523 section 2.2).",
    ),
  clientKeyId: visible().optional().describe("The `kid` of that key."),
  authentication: z
    .enum(authentications)
    .optional()
    .describe(
      "How the gateway authenticates. Default: `client_secret_basic` with a secret, `private_key_jwt` with a key.",
    ),
  scopes: z.array(scope()).prefault([]).describe("What is asked for."),
  resource: resource().optional().describe("What the token is for (RFC 8707): usually `url` of the server."),
  audience: visible().optional().describe("The same for authorization servers that want an `audience`."),
};

const clientCredentials = z
  .strictObject(authorizationServer)
  .describe("A token that the gateway gets for itself (RFC 6749 section 4.4), and renews before it expires.");
export type AuthorizationServerConfig = z.output<typeof clientCredentials>;

const tokenType = () => z.enum(["access_token", "jwt"]);

const exchange = z
  .strictObject({
    ...authorizationServer,
    grant: z
      .enum(["token_exchange", "on_behalf_of"])
      .default("token_exchange")
      .describe(
        "RFC 8693, or the on-behalf-of flow of Microsoft Entra, which takes `scopes` and none of the members below.",
      ),
    subjectTokenType: tokenType().default("access_token").describe("What the caller's token is called there."),
    requestedTokenType: tokenType()
      .optional()
      .describe("What is asked for. Default: what the authorization server likes."),
    actorToken: secret().optional().describe("Token of whoever acts for the caller, where `clientId` does not say it."),
    actorTokenType: tokenType().default("access_token").describe("What that token is called."),
  })
  .describe("A token for each caller, which an authorization server gives for the caller's own.");
export type ExchangeConfig = z.output<typeof exchange>;

export const credentials = z
  .strictObject({
    bearer: secret().optional().describe("Token the gateway shows to the server, always the same."),
    clientCredentials: clientCredentials.optional(),
    exchange: exchange.optional(),
    userLogin: describeUserLogin({ scope: scope(), resource: resource(), visible }).optional(),
    assertion: assertion.optional(),
  })
  .describe("What the server is shown: who the gateway is, or who the caller is. Never the caller's own token.");
export type CredentialsConfig = z.output<typeof credentials>;
