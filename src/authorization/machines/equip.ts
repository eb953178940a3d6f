/** How clients prove who they are, where the library's own way would not do. */
import { hash, timingSafeEqual } from "node:crypto";
import Provider, { type Client } from "oidc-provider";
import { accountClientId } from "../account/client.ts";
import type { Machines } from "./machines.ts";
import type { SpendOnce } from "./once.ts";
import { ClientRefused } from "./refused.ts";

/** How long a client's own assertion may be good, in seconds. */
const maxLifetime = 3_600;
/** How far ahead a proof may be dated, in seconds, which the library forgets when it says until when to remember one. */
const proofAhead = 300;

/** Requests with an assertion that is good, and about to be taken as used. */
const asserting = new WeakSet<object>();

/**
 * Secrets of registered clients are compared by their digests, of which alone something is kept; and an assertion of a client, as a proof
 * that it holds a key (RFC 9449 section 11.1), is good once on all replicas, also where two come at the same moment, which the library does
 * not see.
 */
export function equipClients(provider: Provider, { clients }: Machines, spendOnce: SpendOnce): void {
  const { prototype } = provider.Client;
  const compare = prototype.compareClientSecret;
  prototype.compareClientSecret = async function compareClientSecret(this: Client, actual: string) {
    const digest = clients.get(this.clientId)?.digest;
    const isRight =
      digest == null ? await compare.call(this, actual) : timingSafeEqual(hash("sha256", actual, "buffer"), digest);
    if (!isRight) throw new ClientRefused("client_secret_wrong", "invalid secret provided");
    return true;
  };
  provider.ReplayDetection.unique = async (client, jti, exp) => {
    if (Provider.ctx === undefined || !asserting.delete(Provider.ctx)) {
      return spendOnce(`proof:${client}`, jti, (exp + proofAhead) * 1_000);
    }
    if (await spendOnce(`client:${client}`, jti, exp * 1_000)) return true;
    throw new ClientRefused("client_assertion_replayed", "the client assertion was used before");
  };
}

/** What is asked of every client, whatever it says of itself. */
export interface ClientDemands {
  /** That it proves to hold a key, for each token (RFC 9449 section 5.2). */
  readonly bound: boolean;
  /** That it pushes what it is going to ask for (RFC 9126 section 6). */
  readonly pushed: boolean;
}

/** Holds all of them to it but the gateway's own, for the pages of an account, which gets no tokens. */
export function holdClients({ Client }: Provider, { bound, pushed }: ClientDemands): void {
  const find = Client.find.bind(Client);
  Client.find = async (id) => {
    const client = await find(id);
    if (client === undefined || id === accountClientId) return client;
    return Object.assign(client, {
      ...(bound && { dpopBoundAccessTokens: true }),
      ...(pushed && { requirePushedAuthorizationRequests: true }),
    });
  };
}

/**
 * What the library does not ask of a client's assertion, whose signature is known to be good by then (RFC 7523bis: the issuer alone as
 * audience, or another server could use it here).
 *
 * @param now milliseconds since the epoch
 */
export function createClientAssertionCheck(issuer: string, now: () => number) {
  return (ctx: object, { aud, exp, jti }: Record<string, unknown>): void => {
    const [only, ...others] = [aud].flat();
    if (only !== issuer || others.length > 0) {
      throw new ClientRefused("client_assertion_audience", "aud is not this server's issuer alone");
    }
    if (typeof exp !== "number" || exp * 1_000 > now() + maxLifetime * 1_000) {
      throw new ClientRefused("client_assertion_lifetime", "exp is more than an hour away");
    }
    if (typeof jti !== "string" || jti.length > maxJti) {
      throw new ClientRefused("client_assertion_malformed", "jti is no text of at most 255 characters");
    }
    asserting.add(ctx);
  };
}

const maxJti = 255;
