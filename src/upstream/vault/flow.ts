/** A user's login at the authorization server of a server, from the browser's leaving to its coming back (OAuth 2.1, code with PKCE). */
import {
  calculatePKCECodeChallenge,
  generateRandomCodeVerifier,
  generateRandomState,
  validateAuthResponse,
} from "oauth4webapi";
import { z } from "zod";
import type { Kind, Store } from "../../state/store.ts";
import { TokenFailure } from "../credentials/token-failure.ts";
import { readScopes } from "./challenge.ts";
import { backPathOf } from "./client-document.ts";
import type { Discovered } from "./discovery.ts";
import { type LoginKey, loginKey, logins } from "./logins.ts";
import { findClient, recallClient } from "./registration.ts";
import { redeemCode } from "./token-request.ts";
import type { Vault } from "./vault.ts";

const flowSchema = z.strictObject({
  subject: z.string(),
  server: z.string(),
  url: z.string(),
  /** The login of the browser at the gateway. */
  uid: z.string(),
  verifier: z.string(),
  /** Recorded before the browser leaves (MCP 2026-07-28, Authorization Response Validation). */
  issuer: z.string(),
  namesItself: z.boolean(),
  tokenEndpoint: z.string(),
  revocationEndpoint: z.string().optional(),
  clientId: z.string(),
  resource: z.string(),
  scopes: z.array(z.string()),
});
type Flow = z.output<typeof flowSchema>;

/** By `state`. */
const flows: Kind<Flow> = { name: "upstream-flow", schema: flowSchema };

/** How long somebody may take to log in there. */
const flowMs = 900_000;

/** Whose gateway pages a browser is at. */
export interface Traveller {
  readonly subject: string;
  /** The login of the browser at the gateway. */
  readonly uid: string;
}

/** What logins are begun and finished with. */
export interface FlowKit {
  readonly publicUrl: string;
  readonly store: Pick<Store, "get" | "put" | "delete">;
  /** Milliseconds since the epoch. */
  now(): number;
}

/**
 * Prepares a login.
 *
 * @returns where to send the browser
 * @throws VaultFault where the gateway is no client there and cannot become one; StoreError
 */
export async function beginLogin(
  { server, url, registration, fetch }: Vault,
  { authorizationServer, resource, scopes }: Discovered,
  { subject, uid }: Traveller,
  { publicUrl, store, now }: FlowKit,
): Promise<URL> {
  const client = await findClient(registration, authorizationServer, store, fetch);
  const [state, verifier] = [generateRandomState(), generateRandomCodeVerifier()];
  const { issuer, namesItself, tokenEndpoint, revocationEndpoint, authorizationEndpoint } = authorizationServer;
  const flow = {
    ...{ subject, server, url: url.href, uid, verifier, issuer, namesItself, tokenEndpoint },
    ...{ revocationEndpoint, clientId: client.id, resource, scopes: [...scopes] },
  };
  await store.put(flows, state, flow, { expiresAtMs: now() + flowMs });
  const target = new URL(authorizationEndpoint);
  const asked = {
    response_type: "code",
    client_id: client.id,
    redirect_uri: `${publicUrl}${backPathOf(server)}`,
    state,
    code_challenge: await calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    resource,
    ...(scopes.length > 0 && { scope: scopes.join(" ") }),
  };
  for (const [name, value] of Object.entries(asked)) target.searchParams.set(name, value);
  return target;
}

/** How a browser came back. */
export type Outcome = "done" | "state_unknown" | "foreign_login" | "issuer_mismatch" | "access_denied" | "no_token";

/**
 * Finishes a login, once.
 *
 * @param said the query that the browser came back with
 * @param traveller null where nobody is logged in any more
 * @returns what came of it, and the gateway's own words for why not
 * @throws StoreError
 */
export async function finishLogin(
  vault: Vault,
  said: URLSearchParams,
  traveller: Traveller | null,
  kit: FlowKit,
): Promise<{ readonly outcome: Outcome; readonly detail?: string }> {
  const { store, now } = kit;
  const state = said.get("state") ?? "";
  const found = state.length > maxStateLength ? null : await store.get(flows, state);
  if (found === null) return { outcome: "state_unknown" };
  const flow = found.value;
  if (flow.server !== vault.server || flow.url !== vault.url.href) return { outcome: "state_unknown" };
  // Whoever makes somebody else's browser finish a login would have theirs in that person's name, or the other way round.
  if (flow.subject !== traveller?.subject || flow.uid !== traveller.uid) return { outcome: "foreign_login" };
  // Of several who come at once one gets through.
  if (!(await store.delete(flows, state, found.revision))) return { outcome: "state_unknown" };
  const answer = readAnswer(said, state, flow);
  if (typeof answer === "string") return { outcome: answer };
  try {
    await redeem(vault, flow, answer, kit);
    return { outcome: "done" };
  } catch (error) {
    if (!(error instanceof TokenFailure)) throw error;
    return { outcome: "no_token", detail: error.message };
  }

  async function redeem({ registration, fetch }: Vault, flow: Flow, answer: URLSearchParams, { publicUrl }: FlowKit) {
    const { url, subject, server, verifier, issuer, tokenEndpoint, revocationEndpoint, clientId, resource } = flow;
    const client = await recallClient(registration, issuer, clientId, store);
    if (client === null) throw new TokenFailure("refused", "the client of the gateway is another one");
    const atMs = now();
    const desk = { fetch, client, issuer, tokenEndpoint, resource, nowMs: atMs };
    const redirectUri = `${publicUrl}${backPathOf(server)}`;
    const { token, refreshToken, lifetimeMs, scope } = await redeemCode(desk, answer, redirectUri, verifier);
    const key: LoginKey = { issuer: "builtin", subject, server };
    // What was there before is not told of: with the old tokens some authorization servers would end the new ones.
    await store.put(logins, loginKey(key), {
      ...{ url, issuer, tokenEndpoint, revocationEndpoint, clientId, resource, token, refreshToken, atMs },
      scopes: scope === null ? flow.scopes : [...readScopes(scope)],
      untilMs: lifetimeMs === null ? null : atMs + lifetimeMs,
      isRejected: false,
      renewingUntilMs: null,
      sinceMs: atMs,
    });
  }
}

const maxStateLength = 128;

/**
 * Judges what a browser came back with (OAuth 2.1 section 4.1.2, RFC 9207). Who it is from counts first, then whether it is good.
 *
 * @returns what a code may be redeemed with, or why none is
 */
function readAnswer(
  said: URLSearchParams,
  state: string,
  { issuer, namesItself, clientId }: Flow,
): URLSearchParams | "issuer_mismatch" | "access_denied" {
  const issuers = said.getAll("iss");
  const isNamed = issuers.length === 1 && issuers[0] === issuer;
  // The library takes an empty issuer for none, and an empty error too.
  if (!isNamed && (namesItself || issuers.length > 0)) return "issuer_mismatch";
  const [code = "", ...more] = said.getAll("code");
  if (said.has("error") || code === "" || more.length > 0) return "access_denied";
  const server = { issuer, authorization_response_iss_parameter_supported: namesItself };
  try {
    return validateAuthResponse(server, { client_id: clientId }, said, state);
  } catch {
    // Something else that is said twice, or an answer of a kind that nobody has asked for.
    return "access_denied";
  }
}
