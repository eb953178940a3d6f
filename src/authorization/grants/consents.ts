/** What people have consented to, by person and client: asked once for each scope (confused deputy, MCP security best practices). */
import type { Grant, KoaContextWithOIDC } from "oidc-provider";
import { z } from "zod";
import type { Kind, Store } from "../../state/store.ts";
import { maxGrantSeconds } from "../models.ts";

const consentSchema = z.strictObject({ grantId: z.string(), atMs: z.number() });
const consents: Kind<z.output<typeof consentSchema>> = { name: "consent", schema: consentSchema };

/** JSON keeps the parts apart. */
function keyOf(name: string, client: string): string {
  return JSON.stringify([name, client]);
}

/** The grant that a person has given a client before, if it is still there. */
export async function findConsent(store: Pick<Store, "get">, ctx: KoaContextWithOIDC): Promise<Grant | undefined> {
  const { session, client, provider, result } = ctx.oidc;
  const given = result?.consent?.grantId;
  const name = session?.accountId;
  if (client === undefined || name === undefined) return undefined;
  const grantId = given ?? (await store.get(consents, keyOf(name, client.clientId)))?.value.grantId;
  const grant = grantId === undefined ? undefined : await provider.Grant.find(grantId);
  // Whoever logs in as somebody else has not consented to anything.
  return grant?.accountId === name && grant.clientId === client.clientId ? grant : undefined;
}

/** Remembers a grant. */
export async function rememberConsent(
  store: Pick<Store, "put">,
  name: string,
  client: string,
  grantId: string,
  nowMs: number,
): Promise<void> {
  // No grant is there for longer, and clients that register themselves do so ever anew.
  const expiresAtMs = nowMs + maxGrantSeconds * 1_000;
  await store.put(consents, keyOf(name, client), { grantId, atMs: nowMs }, { expiresAtMs });
}

/** Forgets that a person has ever been asked about a client. */
export async function forgetConsent(store: Pick<Store, "delete">, name: string, client: string): Promise<void> {
  await store.delete(consents, keyOf(name, client));
}
