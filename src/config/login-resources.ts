/** What `identity.builtin.login.resources` says: servers behind other gateways, which trust this one as their issuer. */
import { z } from "zod";
import { duration, httpsUrl, name, scope } from "./fields.ts";

const taken = z.strictObject({
  mfa: z.boolean().default(false).describe("Whether it takes a login with a second factor."),
  hardware: z
    .boolean()
    .default(false)
    .describe("Whether it takes a login with a passkey that stays on one device (`amr: [hwk]` there)."),
  maxAge: duration().optional().describe("How old the login may be at most. Without, any age will do."),
});

const resource = z.strictObject({
  url: httpsUrl().describe("Its resource, exactly as the other gateway has it: `<publicUrl there>/<server>/mcp`."),
  scopes: z
    .record(scope(), taken)
    .prefault({})
    .describe("Scopes that its rules require and that clients may ask for beside `mcp`, each with what it takes."),
});

export const resources = z
  .record(name(), resource)
  .prefault({})
  .describe(
    "Servers behind other gateways that clients get tokens for as well, by a name that people are shown with its host. The other gateway names this one under `identity.issuers`.",
  );
export type LoginResources = z.output<typeof resources>;
