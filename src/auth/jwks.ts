/**
 * The signature keys of one issuer: fetched once for all who wait, again when old or when a token names a new key, and kept
 * in use for a bounded time while their source is away, so that neither a rotation nor an outage locks everyone out.
 */
import { type CryptoKey, createLocalJWKSet, type JWSHeaderParameters } from "jose";
import { Denial } from "../denial.ts";
import { createFetchDocument, type FetchDocument, fetchBounds, type KeyOrigin, loadKeySet } from "./discovery.ts";
import { describeKey, findKey, readKeySet, type SelectKey } from "./keyset.ts";

/** Finds keys for jose's `jwtVerify`. */
export interface KeySource {
  /**
   * The key that a protected header asks for, by `alg` and `kid`.
   *
   * @throws Denial `token_key`, `keys_unavailable`
   * @throws JWKSMultipleMatchingKeys (jose) when the header names no key and several fit; it iterates over them
   */
  getKey(header: JWSHeaderParameters): Promise<CryptoKey>;
  /** Age of the keys in milliseconds; undefined until there are some. */
  ageMs(): number | undefined;
  /** How often the keys were fetched, and how often that failed. */
  readonly fetches: Readonly<Record<FetchOutcome, number>>;
  /** Fetches the keys ahead of the first token. Resolves to what went wrong, or undefined; never rejects. */
  prime(): Promise<string | undefined>;
}

export type FetchOutcome = "ok" | "failed";

/** What {@link createKeySource} needs to know. */
export interface KeySourceOptions {
  readonly origin: KeyOrigin;
  /** Milliseconds; keys older than this are fetched again, in the background. */
  readonly maxAgeMs: number;
  /** Milliseconds; keys older than this serve no longer, even when their source is away. */
  readonly maxStaleMs: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly fetch?: FetchDocument;
  /** Called when a later fetch brought other keys than the one before: verdicts reached with the old ones are void. */
  readonly onChange?: () => void;
  /** Called with each failed fetch, for the log. */
  readonly onProblem?: (detail: string) => void;
}

interface Loaded {
  readonly select: SelectKey;
  readonly text: string;
  readonly atMs: number;
}

/** Milliseconds. Tokens with invented key ids must not turn the gateway into a load generator against the issuer. */
export const unknownKeyEveryMs = 30_000;
const firstBackoffMs = 1_000;
const maxBackoffMs = 30_000;

/** A source that fetches; one for each issuer. */
export function createKeySource(options: KeySourceOptions): KeySource {
  const { origin, now } = options;
  const fetch = options.fetch ?? createFetchDocument(fetchBounds);
  const maxUsableMs = Math.max(options.maxAgeMs, options.maxStaleMs);
  let loaded: Loaded | undefined;
  let running: Promise<void> | undefined;
  const fetches = { ok: 0, failed: 0 };
  let failures = 0;
  let problem: string | undefined;
  let failedAtMs = -Infinity;
  let pauseMs = 0;
  let unknownAtMs = -Infinity;

  /** A clock that was set back makes neither a pause longer nor keys younger. */
  const sinceMs = (atMs: number) => Math.abs(now() - atMs);
  const isPausing = () => sinceMs(failedAtMs) < pauseMs;

  async function load(): Promise<void> {
    try {
      const set = readKeySet(await loadKeySet(origin, fetch));
      const next = { select: createLocalJWKSet(set), text: JSON.stringify(set), atMs: now() };
      const changed = loaded !== undefined && loaded.text !== next.text;
      loaded = next;
      fetches.ok += 1;
      failures = 0;
      problem = undefined;
      if (changed) options.onChange?.();
    } catch (error) {
      failedAtMs = now();
      pauseMs = Math.min(firstBackoffMs * 2 ** failures, maxBackoffMs);
      fetches.failed += 1;
      failures += 1;
      problem = error instanceof Error ? error.message : String(error);
      options.onProblem?.(problem);
    }
  }

  /** Joins the fetch under way or starts one; without either while backing off. Never rejects. */
  async function refresh(): Promise<void> {
    if (running === undefined && isPausing()) return;
    running ??= load().finally(() => {
      running = undefined;
    });
    await running;
  }

  function usable(): Loaded | undefined {
    return loaded !== undefined && sinceMs(loaded.atMs) <= maxUsableMs ? loaded : undefined;
  }

  function unavailable(): Denial {
    const retryAfterMs = Math.max(pauseMs - sinceMs(failedAtMs), firstBackoffMs);
    return new Denial("keys_unavailable", { detail: problem ?? "no keys yet", retryAfterMs });
  }

  /** Keys that are there, and whether they were fetched for this very question. */
  async function obtain(): Promise<{ keys: Loaded; fresh: boolean }> {
    const keys = usable();
    if (keys !== undefined) {
      if (sinceMs(keys.atMs) > options.maxAgeMs) void refresh();
      return { keys, fresh: false };
    }
    await refresh();
    const fetched = usable();
    if (fetched === undefined) throw unavailable();
    return { keys: fetched, fresh: true };
  }

  /** Keys fetched after these, if there are any or may be asked for. */
  async function obtainNewer(keys: Loaded): Promise<Loaded | undefined> {
    const mayAsk = sinceMs(unknownAtMs) >= unknownKeyEveryMs && !isPausing();
    if (loaded === keys && (running !== undefined || mayAsk)) {
      if (running === undefined) unknownAtMs = now();
      await refresh();
    }
    if (loaded !== keys) return loaded;
    if (problem !== undefined) throw unavailable();
    return undefined;
  }

  return {
    async getKey(header) {
      const { keys, fresh } = await obtain();
      const key = await findKey(keys.select, header);
      if (key !== undefined) return key;
      const newer = fresh ? undefined : await obtainNewer(keys);
      const found = newer === undefined ? undefined : await findKey(newer.select, header);
      if (found === undefined) throw new Denial("token_key", { detail: describeKey(header) });
      return found;
    },
    ageMs: () => (loaded === undefined ? undefined : sinceMs(loaded.atMs)),
    fetches,
    async prime() {
      await refresh();
      return problem;
    },
  };
}
