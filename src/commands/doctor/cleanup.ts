/** Takes back what the doctor was given: clients it registered, tokens and grants it got, a browser session it began. */
import { grantClaim } from "../../auth/revocations.ts";
import { forgetConsent } from "../../authorization/grants/consents.ts";
import { listGrants } from "../../authorization/grants/grants.ts";
import { type Revoker, revoke } from "../../authorization/grants/revoke.ts";
import { kindOf } from "../../authorization/models.ts";
import type { JsonObject } from "../../mcp/object.ts";
import { nameOperator, reportDeed } from "../../state/deeds.ts";
import type { Store } from "../../state/store.ts";
import { type Finding, ok, quote, warning } from "./finding.ts";
import type { Registered } from "./registration.ts";
import type { Tokens } from "./tokens.ts";
import type { Ask } from "./wire.ts";

/** What is left behind by one client. */
export interface Leftover {
  /** Whether the gateway's own authorization server keeps it. */
  readonly ours: boolean;
  readonly title: string;
  readonly clientId: string;
  /** As it was registered; null for one that is known by a document, and which others use. */
  readonly registered: Registered | null;
  readonly metadata: JsonObject;
  tokens: Tokens | null;
  session: string | null;
}

/** What a revocation is recorded with. */
const reason = "sallyport doctor";

/**
 * At the gateway's own authorization server, by way of its state: a client that registered itself has no secret to be deleted with.
 *
 * @param sinceMs when the doctor came; grants that are older are somebody's
 */
export async function cleanUp(store: Store, left: readonly Leftover[], sinceMs: number, nowMs: number): Promise<void> {
  const revoker: Revoker = { by: nameOperator(), reason, nowMs };
  for (const { clientId, registered, tokens, session } of left) {
    if (session !== null) await store.delete(kindOf("Session"), session);
    const user = tokens?.claims?.sub;
    if (registered !== null) {
      await revoke(store, { kind: "client", issuer: "builtin", client: clientId }, revoker);
      await store.delete(kindOf("Client"), clientId);
      if (user !== undefined) await forgetConsent(store, user, clientId);
      const facts = { kind: "client", issuer: "builtin", client: clientId, reason };
      await reportDeed(store, "client.revoke", facts, nowMs);
    } else if (tokens !== null) {
      await endTokens(store, tokens, sinceMs, revoker);
    }
  }
}

/** The client is somebody else's as well, and perhaps so is the grant: it is ended only where it came of this very login. */
async function endTokens(store: Store, { claims, refresh }: Tokens, sinceMs: number, revoker: Revoker): Promise<void> {
  const { jti, [grantClaim]: id } = claims ?? {};
  if (refresh !== null) await store.delete(kindOf("RefreshToken"), refresh);
  if (jti !== undefined) await revoke(store, { kind: "token", issuer: "builtin", id: jti }, revoker);
  const grant = (await listGrants(store)).find((each) => each.id === id);
  // Grants are dated by the second.
  if (grant === undefined || grant.sinceMs < Math.floor(sinceMs / 1_000) * 1_000) return;
  await revoke(store, { kind: "grant", grant: grant.id }, revoker);
  await forgetConsent(store, grant.user, grant.client);
  await reportDeed(store, "grant.revoke", { kind: "grant", id: grant.id, reason }, revoker.nowMs);
}

/** At an authorization server of somebody else, as far as it lets clients do that (RFC 7009, RFC 7592). */
export async function cleanUpElsewhere(ask: Ask, left: readonly Leftover[]): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const { title, clientId, registered, metadata, tokens } of left) {
    const { revocation_endpoint: endpoint } = metadata;
    const token = tokens?.refresh ?? tokens?.access;
    if (token !== undefined && typeof endpoint === "string") {
      const body = new URLSearchParams({ token, client_id: clientId }).toString();
      const headers = { "content-type": "application/x-www-form-urlencoded" };
      await ask(endpoint, { method: "POST", headers, body }).catch(() => {});
    }
    if (registered === null) continue;
    const { management } = registered;
    const headers = { authorization: `Bearer ${management?.token}` };
    const gone = management && (await ask(management.url, { method: "DELETE", headers }).catch(() => null));
    findings.push(
      gone?.status === 204
        ? ok(`the client of ${title} was removed at the issuer`)
        : warning(`the client ${quote(clientId)} stays at the issuer, which lets nobody remove it from here`),
    );
  }
  return findings;
}
