/** What `servers.<name>.credentials` says. */
import { z } from "zod";
import { secret } from "./fields.ts";

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

export const credentials = z
  .strictObject({
    bearer: secret().optional().describe("Token the gateway shows to the server, always the same."),
    assertion: assertion.optional(),
  })
  .describe("What the server is shown: who the gateway is, or who the caller is. Never the caller's own token.");
export type CredentialsConfig = z.output<typeof credentials>;
