import { undatedSeconds } from "../../authorization/demands.ts";
import { baseScope } from "../../authorization/resources.ts";
import { Denial } from "../../denial.ts";
import { type AddressSet, readAddressSet } from "../../network/cidr.ts";
import { answeredForCall } from "../../state/patience.ts";
import type { Store } from "../../state/store.ts";
import type { Standing, VerifiedToken } from "../claims.ts";
import type { RevocationBook } from "../revocations.ts";
import { isDigestOf } from "../secret-text.ts";
import type { Account } from "../users/directory.ts";
import {
  lastMomentOf,
  noticeMsOf,
  type SessionLife,
  type SessionToken,
  sessionTokens,
  sessionTokenUses,
} from "./session-token.ts";
import { readSessionToken } from "./token-text.ts";

/** All session tokens and whose they are, in memory; only one that is not known, and when one was used last, is looked up, and not at each call. */
export interface SessionTokenBook {
  /**
   * Counts as a use, whatever comes of the call: one from a wrong address, which is found out later, keeps a token from being idle.
   *
   * @param serverOf the name of the server that a resource is
   * @returns a verdict that is good until the next use has to be noticed
   * @throws Denial `token_malformed`, `token_unknown`, `token_revoked`, `token_expired`, `token_audience`; `state_unavailable` while the
   *   tokens could not be read
   */
  verify(
    text: string,
    resource: string,
    serverOf: (resource: string) => string | undefined,
    rules: SessionRules,
  ): Promise<VerifiedToken>;
  /** Reads them again, and their users. Until the first time, none is known. */
  load(): Promise<void>;
}

/** Whose a token is. Groups are as they were read: those of a provider are yet to be mapped. */
export type Owner = Pick<Account, "groups" | "loginsFrom"> & {
  /** Where somebody logs in who has no password here; null for a user of the gateway's own. */
  readonly origin: { readonly provider: string; readonly issuer: string } | null;
};

/** What a configuration says of session tokens. */
export interface SessionRules extends SessionLife {
  /** Groups as policies know them; null for somebody whose provider is there no more. */
  readonly groupsOf: (owner: Owner) => readonly string[] | null;
}

/** What {@link createSessionTokenBook} needs. */
export interface SessionTokenOptions {
  readonly store: Pick<Store, "list" | "get" | "put" | "look">;
  /** Somebody who may be here; null for anybody else. */
  readonly findOwner: (name: string) => Promise<Owner | null>;
  readonly standingOf: RevocationBook["standingOf"];
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Told when tokens are other than they were: verdicts that were kept are void. */
  readonly changed: () => void;
}

interface Known {
  readonly id: string;
  readonly token: SessionToken;
  /** Null where it may not be used, or is gone. */
  readonly owner: Owner | null;
  readonly from: AddressSet | null;
  /** Shared by all identities that were proved with the token, so that open streams end with it. */
  readonly standing: TokenStanding;
  /** When this process last knew it to be used. */
  readonly use: { atMs: number };
}

export function createSessionTokenBook(options: SessionTokenOptions): SessionTokenBook {
  const { store, findOwner, standingOf, now, changed } = options;
  let byId: ReadonlyMap<string, Known> | null = null;

  /** Where the store cannot be asked, or not in time, what this process has seen counts: a token can end early by that, not late. */
  async function notice({ id, token, use }: Known, life: SessionLife): Promise<void> {
    const kept = await answeredForCall(store.get(sessionTokenUses, id)).catch(() => null);
    use.atMs = Math.max(token.createdAtMs, use.atMs, kept?.value.atMs ?? 0);
    const nowMs = now();
    if (nowMs - use.atMs >= life.idleMs)
      throw new Denial("token_expired", { detail: `session token ${id} was not used` });
    if (nowMs - use.atMs < noticeMsOf(life)) return;
    use.atMs = nowMs;
    const until = { expiresAtMs: lastMomentOf(token, life) };
    void store.put(sessionTokenUses, id, { atMs: nowMs }, until).catch(() => null);
  }

  /** Its owner may use one in the moment it is made, and the process that made it is not the one that is asked. */
  async function find(id: string): Promise<Known | undefined> {
    const known = byId?.get(id);
    if (known !== undefined) return known;
    const kept = await answeredForCall(store.get(sessionTokens, id)).catch(() => null);
    if (kept !== null) await answeredForCall(store.look()).catch(() => {});
    return byId?.get(id);
  }

  return {
    async verify(text, resource, serverOf, rules) {
      if (byId === null) throw new Denial("state_unavailable", { detail: "the session tokens have not been read yet" });
      const halves = readSessionToken(text);
      if (halves === undefined)
        throw new Denial("token_malformed", { detail: "not a session token: its checksum differs" });
      const known = await find(halves.id);
      if (known === undefined || !isDigestOf(known.token.digest, halves)) {
        throw new Denial("token_unknown", { detail: `there is no session token ${halves.id}` });
      }
      check(known, serverOf(resource), rules, now());
      const groups = known.owner === null ? null : rules.groupsOf(known.owner);
      if (groups === null)
        throw new Denial("token_revoked", { detail: `the provider of session token ${halves.id} is there no more` });
      await notice(known, rules);
      return describeVerified(known, groups, rules, now());
    },
    async load() {
      const before = byId;
      const read = await store.list(sessionTokens);
      const names = [...new Set(read.map(({ value }) => value.user))];
      const owners = new Map(await Promise.all(names.map(async (name) => [name, await findOwner(name)] as const)));
      // Somebody logs in or changes something all the time, and verdicts of everybody's tokens would be void each time.
      let isOther = read.length !== (before?.size ?? 0);
      const describe = (id: string, token: SessionToken) => {
        const known = before?.get(id);
        const wasEnded = known?.standing.ended;
        const next = learn(id, token, owners.get(token.user) ?? null, known, standingOf);
        isOther ||= next.standing !== known?.standing || next.standing.ended !== wasEnded;
        return next;
      };
      byId = new Map(read.map(({ key: id, value }) => [id, describe(id, value)]));
      for (const [id, { standing }] of before ?? []) if (!byId.has(id)) standing.ended = true;
      if (isOther) changed();
    },
  };
}

/** Ended by itself, or by a revocation of its user. */
class TokenStanding implements Standing {
  ended = false;
  readonly #revoked: Standing;

  constructor(revoked: Standing) {
    this.#revoked = revoked;
  }

  get revoked(): boolean {
    return this.ended || this.#revoked.revoked;
  }
}

function learn(
  id: string,
  token: SessionToken,
  owner: Owner | null,
  before: Known | undefined,
  standingOf: RevocationBook["standingOf"],
): Known {
  // Who is in other groups now, or of another provider, is somebody else to policies: what is open of before ends, and whoever wants it opens it again.
  const isSame = before !== undefined && JSON.stringify(before.owner) === JSON.stringify(owner);
  if (before !== undefined && !isSame) before.standing.ended = true;
  const claims = { jti: id, iat: token.createdAtMs / 1_000 };
  const standing = isSame
    ? before.standing
    : new TokenStanding(standingOf({ issuer, subject: token.user, client: null, claims }));
  standing.ended = token.revokedAtMs !== null || owner === null || token.login.authTime < owner.loginsFrom;
  const from = token.from === null ? null : readAddressSet(token.from);
  return { id, token, owner, from, standing, use: before?.use ?? { atMs: token.createdAtMs } };
}

const issuer = "builtin";

function check({ id, token, standing }: Known, server: string | undefined, life: SessionLife, nowMs: number): void {
  if (standing.revoked) throw new Denial("token_revoked", { detail: `session token ${id} was ended` });
  if (nowMs >= lastMomentOf(token, life))
    throw new Denial("token_expired", { detail: `session token ${id} is too old` });
  if (server !== undefined && token.servers.includes(server)) return;
  throw new Denial("token_audience", { detail: `session token ${id} is for ${token.servers.join(", ")} only` });
}

function describeVerified(
  { id, token, from, standing }: Known,
  groups: readonly string[],
  life: SessionLife,
  nowMs: number,
): VerifiedToken {
  const { acr, amr, authTime } = token.login;
  return Object.freeze({
    issuer,
    subject: token.user,
    client: null,
    via: "session-token",
    groups,
    scopes: [baseScope],
    claims: {
      jti: id,
      amr,
      ...(authTime !== undatedSeconds && { auth_time: authTime }),
      ...(acr !== null && { acr }),
    },
    apiKey: null,
    from,
    bound: null,
    standing,
    expiresAtMs: Math.min(lastMomentOf(token, life), nowMs + life.idleMs),
    recheckAtMs: nowMs + noticeMsOf(life),
  });
}
