import { requestHeaders } from "../call.ts";
import type { Ask, Caller, Heard } from "./caller.ts";
import type { Ledger } from "./ledger.ts";
import { patience } from "./moods.ts";
import type { Random } from "./random.ts";

/** What clients have to do with. */
export interface Scene {
  readonly caller: Caller;
  readonly ledger: Ledger;
  /** The token of somebody, at the moment. */
  tokenOf(subject: string): string;
}

/** Something that clients do, over and over. */
export interface Act {
  readonly name: string;
  /** How often it begins, on average. */
  readonly perSecond: number;
  /** Somebody misbehaves in it: a client or a server. */
  readonly fault?: boolean;
  /** @param random all that is not fixed is drawn from it */
  run(scene: Scene, random: Random): Promise<void>;
}

/** The server that never fails, the one that does, and what the latter's failures are called. */
export const steady = "steady";
export const rough = "rough";
export const down = ["upstream_unreachable", "upstream_reset", "upstream_closed"] as const;

/** Those who call and do nothing else. */
export const citizens = Array.from({ length: 12 }, (_, index) => `citizen-${index}`) as [string, ...string[]];
/** Who calls too often. */
export const glutton = "glutton";
/** Everybody who needs a token. */
export const subjects: readonly string[] = [...citizens, glutton];

/** What a server may answer instead of a result. */
export function excuses(server: string): readonly string[] {
  return server === rough ? down : [];
}

/** Whether an answer says that the rough server stood still, as a busy machine has it do, and came no sooner than it may be said of it. */
export function stoodStill(server: string, outcome: string, sinceMs: number): boolean {
  return server === rough && outcome === "upstream_timeout" && performance.now() - sinceMs >= patience.firstByteMs;
}

/** A POST of a client of 2025-11-25. */
export function post(token: string, body: string, more: Partial<Omit<Ask, "body">> = {}): Ask {
  const { headers, ...rest } = more;
  return { verb: "POST", server: steady, body, ...rest, headers: { ...requestHeaders(token), ...headers } };
}

/**
 * Sends it, reads its answer, and books it.
 *
 * @param allowed what may come of it; anything else is a surprise, and so is no answer
 */
export async function expectAnswer(scene: Scene, ask: Ask, allowed: readonly string[]): Promise<Heard | null> {
  const sinceMs = performance.now();
  const heard = await scene.caller.exchange(ask);
  const isExcused = heard !== null && stoodStill(ask.server, heard.outcome, sinceMs);
  book(scene, heard, isExcused ? [heard.outcome] : allowed);
  return heard;
}

/** Books an answer. */
export function book({ ledger }: Scene, heard: Heard | null, allowed: readonly string[]): void {
  const outcome = heard === null ? "no answer" : heard.outcome;
  if (outcome !== "result" && outcome !== "accepted" && heard !== null) ledger.refused();
  if (!allowed.includes(outcome)) ledger.surprise(`expected ${allowed.join(" or ")}, got ${outcome}`);
}
