/** Session tokens as those see them who make, list and end them. */
import type { Store } from "../../state/store.ts";
import { digestSecret } from "../secret-text.ts";
import {
  endedKnownMs,
  lastMomentOf,
  type SessionLife,
  type SessionToken,
  sessionTokens,
  sessionTokenUses,
} from "./session-token.ts";
import { drawSessionToken } from "./token-text.ts";

/** One that is good. */
export interface HeldToken extends Omit<SessionToken, "digest" | "revokedAtMs"> {
  readonly id: string;
  /** Give or take two minutes, in milliseconds since the epoch; when it was made where it has not been used. */
  readonly usedAtMs: number;
}

/**
 * Makes one.
 *
 * @param random source of random bytes, such as node:crypto's `randomBytes`
 * @returns its text, which is nowhere else, and its id
 */
export async function makeSessionToken(
  store: Pick<Store, "put">,
  token: Omit<SessionToken, "digest" | "expiresAtMs" | "revokedAtMs">,
  { absoluteMs }: SessionLife,
  random: (size: number) => Uint8Array,
): Promise<{ readonly id: string; readonly text: string }> {
  const { id, text, ...halves } = drawSessionToken(random);
  const expiresAtMs = token.createdAtMs + absoluteMs;
  const value = { ...token, digest: digestSecret(halves), expiresAtMs, revokedAtMs: null };
  const options = { expected: 0, expiresAtMs: expiresAtMs + endedKnownMs };
  if ((await store.put(sessionTokens, id, value, options)) === null) throw new Error("two session tokens have one id");
  return { id, text };
}

/** One that is good; null for any other. */
export async function findSessionToken(
  store: Pick<Store, "get">,
  id: string,
  life: SessionLife,
  nowMs: number,
): Promise<HeldToken | null> {
  const token = (await store.get(sessionTokens, id))?.value;
  if (token === undefined) return null;
  return hold(id, token, (await store.get(sessionTokenUses, id))?.value.atMs, life, nowMs);
}

/** All that are good, of everybody. */
export async function listSessionTokens(
  store: Pick<Store, "list">,
  life: SessionLife,
  nowMs: number,
): Promise<HeldToken[]> {
  const [tokens, uses] = await Promise.all([store.list(sessionTokens), store.list(sessionTokenUses)]);
  const used = new Map(uses.map(({ key, value }) => [key, value.atMs]));
  return tokens.flatMap(({ key, value }) => hold(key, value, used.get(key), life, nowMs) ?? []);
}

/** @returns false where it was ended before, or is not there */
export async function endSessionToken(store: Pick<Store, "get" | "put">, id: string, nowMs: number): Promise<boolean> {
  for (;;) {
    const found = await store.get(sessionTokens, id);
    if (found === null || found.value.revokedAtMs !== null) return false;
    const value = { ...found.value, revokedAtMs: nowMs };
    const options = { expected: found.revision, expiresAtMs: nowMs + endedKnownMs };
    if ((await store.put(sessionTokens, id, value, options)) !== null) return true;
  }
}

/** Ends all that somebody has. */
export async function endTokensOf(store: Pick<Store, "list" | "get" | "put">, user: string, nowMs: number) {
  const tokens = await store.list(sessionTokens);
  for (const { key } of tokens.filter(({ value }) => value.user === user)) await endSessionToken(store, key, nowMs);
}

function hold(
  id: string,
  { digest: _, revokedAtMs, ...token }: SessionToken,
  usedAtMs: number | undefined,
  life: SessionLife,
  nowMs: number,
): HeldToken | null {
  const held = { id, ...token, usedAtMs: usedAtMs ?? token.createdAtMs, expiresAtMs: lastMomentOf(token, life) };
  const isOver = nowMs >= Math.min(held.expiresAtMs, held.usedAtMs + life.idleMs);
  return revokedAtMs !== null || isOver ? null : held;
}
