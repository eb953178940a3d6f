/** What `servers.<name>.credentials.userLogin` says. */
import { z } from "zod";
import { httpsUrl, secret } from "./fields.ts";

/** The members that it has in common with other credentials are theirs. */
interface Shared {
  readonly scope: z.ZodType<string, string>;
  readonly resource: z.ZodType<string, string>;
  readonly visible: () => z.ZodType<string, string>;
}

export function describeUserLogin({ scope, resource, visible }: Shared) {
  return z
    .strictObject({
      issuer: httpsUrl()
        .optional()
        .describe("Authorization server. Default: the one that the server names (RFC 9728)."),
      clientId: visible()
        .optional()
        .describe(
          "The gateway's `client_id` there, with `issuer`. Default: a client ID metadata document, or else the gateway registers itself.",
        ),
      clientSecret: secret().optional().describe("Its secret, if it has one."),
      authentication: z
        .enum(["client_secret_basic", "client_secret_post"])
        .optional()
        .describe("How the gateway authenticates with it. Default: `client_secret_basic`."),
      scopes: z
        .array(scope)
        .optional()
        .describe("What is asked for. Default: what the server names. What a call takes besides is always added."),
      resource: resource
        .optional()
        .describe("What tokens are for (RFC 8707). Default: what the server says, or its `url`."),
      clientDocument: z
        .boolean()
        .optional()
        .describe(
          "Whether authorization servers can fetch the gateway's document at `publicUrl`. Default: unless that is a loopback address.",
        ),
      insideHosts: z
        .array(z.string().min(1))
        .prefault([])
        .describe("Hosts of authorization servers whose addresses need not be public."),
    })
    .describe("A token for each user, who logs in at the server's own authorization server with a browser.");
}
export type UserLoginConfig = z.output<ReturnType<typeof describeUserLogin>>;
