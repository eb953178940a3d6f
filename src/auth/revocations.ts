/** What no longer counts, though its time is not over: tokens of somebody, of a client, of a grant, or one of them; MCP sessions. */
import { z } from "zod";
import type { Entry, Kind, Store } from "../state/store.ts";
import type { RevocableToken, Standing } from "./claims.ts";

const revocationSchema = z.strictObject({
  /** What was issued up to then is void, in milliseconds since the epoch. */
  atMs: z.number(),
  by: z.string(),
  reason: z.string().nullable(),
});
export type Revocation = z.output<typeof revocationSchema>;

/** By what they are about; see {@link handleOf}. */
export const revocations: Kind<Revocation> = { name: "revocation", schema: revocationSchema };

/** How long one is kept, in milliseconds: longer than any token that anybody should trust. */
export const revocationKeptMs = 400 * 86_400_000;

/** What can be revoked. */
export type Revoked =
  | { readonly kind: "user"; readonly issuer: string; readonly subject: string }
  | { readonly kind: "client"; readonly issuer: string; readonly client: string }
  | { readonly kind: "grant"; readonly grant: string }
  | { readonly kind: "token"; readonly issuer: string; readonly id: string }
  /** By its fingerprint, as records have it. */
  | { readonly kind: "session"; readonly id: string };

/** The key of a revocation. JSON keeps the parts apart. */
export function handleOf(revoked: Revoked): string {
  return JSON.stringify(Object.values(revoked));
}

/** Nothing good will ever go by that name, whatever the clock said when something was issued by it: it may have been set back since. */
export const forever = Number.MAX_SAFE_INTEGER;

/**
 * Up to when what was issued is void. Of a token that is for ever. Of a grant that goes on it is all of this second, since `iat` has whole
 * seconds and nothing good follows within it; of users and clients it is now.
 */
export function reachOf({ kind }: Revoked, nowMs: number): number {
  if (kind === "token") return forever;
  return kind === "grant" ? nowMs - (nowMs % 1_000) + 999 : nowMs;
}

/**
 * How long a token of a grant may be on its way when the grant ends, in milliseconds: whoever has found the grant still there, at another worker,
 * signs one after that.
 */
export const lateTokenMs = 10_000;

/** All revocations, in memory: a call never waits for the store. */
export interface RevocationBook {
  /** Changes by itself: true from the moment that something it rests on is revoked. */
  standingOf(token: RevocableToken): Standing;
  /** Whether an MCP session was revoked. @param fingerprint null for no session */
  isSessionRevoked(fingerprint: string | null): boolean;
  /** Reads those that are new. */
  load(): Promise<void>;
}

/** Claim in which the gateway's own tokens name the grant that they are of. */
export const grantClaim = "grant_id";

export function createRevocationBook(store: Pick<Store, "list">): RevocationBook {
  const known = new Map<string, number>();
  let last: Pick<Entry<Revocation>, "key" | "revision"> | null = null;
  return {
    isSessionRevoked: (id) => id !== null && known.size > 0 && known.has(handleOf({ kind: "session", id })),
    standingOf: (token) => new TokenStanding(known, listHandles(token), issuedAtMs(token)),
    async load() {
      const added = await store.list(revocations, last === null ? 0 : last.revision - 1);
      const [first] = added;
      // Where the newest that is known is not in its place, the store was emptied, restored or replaced, and counts otherwise.
      const goesOn = last === null || (first?.key === last.key && first.revision === last.revision);
      const entries = goesOn ? added : await store.list(revocations);
      for (const { key, value } of entries) known.set(key, Math.max(value.atMs, known.get(key) ?? 0));
      last = entries.at(-1) ?? null;
    },
  };
}

class TokenStanding implements Standing {
  readonly #known: ReadonlyMap<string, number>;
  readonly #handles: readonly string[];
  readonly #issuedAtMs: number;

  constructor(known: ReadonlyMap<string, number>, handles: readonly string[], issuedAtMs: number) {
    this.#known = known;
    this.#handles = handles;
    this.#issuedAtMs = issuedAtMs;
  }

  get revoked(): boolean {
    // Most of the time nothing is revoked at all.
    if (this.#known.size === 0) return false;
    return this.#handles.some((handle) => (this.#known.get(handle) ?? Number.NEGATIVE_INFINITY) >= this.#issuedAtMs);
  }
}

function listHandles({ issuer, subject, client, claims }: RevocableToken): string[] {
  const { jti, [grantClaim]: grant } = claims;
  return [
    handleOf({ kind: "user", issuer, subject }),
    ...(client === null ? [] : [handleOf({ kind: "client", issuer, client })]),
    ...(typeof grant === "string" ? [handleOf({ kind: "grant", grant })] : []),
    ...(typeof jti === "string" ? [handleOf({ kind: "token", issuer, id: jti })] : []),
  ];
}

/**
 * The earliest moment at which it may have been issued: `iat` has whole seconds, and one that does not say it may be of any time. Of one
 * that names its grant it is the latest: who ends what somebody has ends each grant by name (authorization/grants.ts), and a login that
 * follows within the second must not be void.
 */
function issuedAtMs({ claims: { iat, [grantClaim]: grant } }: RevocableToken): number {
  if (typeof iat !== "number") return Number.NEGATIVE_INFINITY;
  return iat * 1_000 + (typeof grant === "string" ? 999 : 0);
}
