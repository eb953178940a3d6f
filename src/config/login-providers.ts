/** What `identity.builtin.login.providers` says: where people log in, other than at the gateway itself. */
import { z } from "zod";
import { profileNames } from "../authorization/federation/profiles.ts";
import { authentications } from "./credentials.ts";
import { httpsUrl, name, secret } from "./fields.ts";

const texts = () => z.array(z.string().min(1)).min(1);
const claim = () => z.string().min(1).optional();
const perProfile = "Default: that of the profile (docs/identity.md).";

const provider = z.strictObject({
  profile: z
    .enum(profileNames)
    .default("generic")
    .describe("Whose product it is: sets the defaults below to what it is known to do."),
  issuer: httpsUrl().describe("The `iss` of its ID tokens, compared exactly, and the base of discovery."),
  clientId: z.string().min(1).describe("The gateway's client id there."),
  clientSecret: secret().optional().describe("The secret of this client. This or `clientKey`."),
  clientKey: secret()
    .optional()
    .describe("Its private key in PEM, usually a reference to a file: EC, RSA or Ed25519, for private_key_jwt."),
  clientKeyId: z.string().min(1).optional().describe("The `kid` of that key."),
  authentication: z.enum(authentications).optional().describe(`How the client authenticates. ${perProfile}`),
  scopes: texts().optional().describe(`What is asked for; \`openid\` has to be among it. ${perProfile}`),
  label: z.string().min(1).max(64).optional().describe(`What the button on the login page calls it. ${perProfile}`),
  claims: z
    .strictObject({
      subject: claim().describe(
        `Claim that names a person: a name at the top of the ID token, or a JSON Pointer. Changing it makes everybody somebody else. ${perProfile}`,
      ),
      groups: claim().describe(`Claim that holds the groups, likewise. ${perProfile}`),
    })
    .prefault({}),
  groups: z
    .record(z.string().min(1), texts())
    .prefault({})
    .describe(
      "Groups of the provider, each with the groups that policies know. A group that is not here gives nothing.",
    ),
  domains: texts()
    .optional()
    .describe(
      "Whoever is not of one of these domains stays outside; told by a verified e-mail address, or Google's `hd`.",
    ),
  require: z
    .record(z.string(), texts())
    .prefault({})
    .describe(
      "Claims that an ID token must have, each with the texts it may be (with * and ?), as at `identity.issuers`.",
    ),
  untypedLogout: z
    .boolean()
    .default(false)
    .describe(
      "Whether logout tokens are taken whose `typ` is `JWT` or missing, as some products send them; all others say `logout+jwt`.",
    ),
  mfa: z
    .strictObject({
      amr: z
        .array(z.string().min(1))
        .optional()
        .describe(`Entries of \`amr\` of which one proves a second factor. ${perProfile}`),
      acr: z
        .array(z.string().min(1))
        .optional()
        .describe(`Contexts of which one proves it; also what is asked for where one is needed. ${perProfile}`),
      always: z
        .boolean()
        .default(false)
        .describe("Take it on trust: this provider lets nobody in without a second factor, whether or not it says so."),
    })
    .prefault({}),
});
export type LoginProvider = z.output<typeof provider>;

export const loginProviders = z
  .record(name(), provider)
  .prefault({})
  .describe(
    "Other OpenID providers where people log in, by a name that becomes part of their subject: `<name>:<subject there>`. The redirect URI to register is `<publicUrl>/oauth/login/back/<name>`, the back-channel logout URI `<publicUrl>/oauth/backchannel-logout/<name>`.",
  );
