import { z } from "zod";
import type { Kind } from "../../state/store.ts";

/** What the gateway knows of an API key, by its name. Not what proves it: only its digest. */
const apiKeySchema = z.strictObject({
  id: z.string(),
  /** Of the half that proves (secret-text.ts). */
  digest: z.string(),
  subject: z.string(),
  groups: z.array(z.string()),
  scopes: z.array(z.string()),
  /** Names of the servers it opens; null for all. */
  servers: z.array(z.string()).nullable(),
  /** Blocks of addresses it may be used from; null for all that may connect. */
  from: z.array(z.string()).nullable(),
  createdAtMs: z.number(),
  /** Null for one that does not expire. */
  expiresAtMs: z.number().nullable(),
  /** Null for one that was not revoked. */
  revokedAtMs: z.number().nullable(),
});
export type ApiKey = z.output<typeof apiKeySchema>;

/** Where they are kept: by name. */
export const apiKeys: Kind<ApiKey> = { name: "api-key", schema: apiKeySchema };

/** What stands for them where others have the name of an issuer. */
export const apiKeyIssuer = "api-keys";

/** How long a key is listed after it was revoked, in milliseconds. */
export const revokedListedMs = 30 * 86_400_000;

/** What has become of a key. @param nowMs milliseconds since the epoch */
export function standingOf({ revokedAtMs, expiresAtMs }: ApiKey, nowMs: number): "active" | "expired" | "revoked" {
  if (revokedAtMs !== null) return "revoked";
  return expiresAtMs !== null && nowMs >= expiresAtMs ? "expired" : "active";
}
