import type { Field } from "./candidates.ts";
import { type Entry, keyOf } from "./comparisons.ts";
import type { Rounds } from "./judge.ts";
import { type Candidate, type Measured, measure } from "./measure.ts";

/** How much of it. */
export interface Extent {
  readonly rounds: number;
  /** Of each entry, in each round. */
  readonly seconds: number;
  readonly connections: number;
}

/**
 * Measures everything once a round, behind a warm-up.
 *
 * @param say is told how far it has come
 * @throws Error when a call fails, or has no record where it should have one
 */
export async function measureRounds(
  field: Field,
  entries: readonly Entry[],
  extent: Extent,
  say: (words: string) => void,
): Promise<Rounds> {
  await warmUp(field, entries, extent);
  say("warmed up");
  const results: Map<string, Measured>[] = [];
  for (let round = 0; round < extent.rounds; round++) {
    // Each round begins with another candidate, so that none always follows the same one.
    const first = round % entries.length;
    results.push(await measureAll(field, [...entries.slice(first), ...entries.slice(0, first)], extent));
    say(`round ${round + 1} of ${extent.rounds}`);
  }
  return results;
}

/** How many times longer than a round each candidate is warmed up, at least. */
const warmUpRounds = 4;

/**
 * Compilers of Node take tens of thousands of calls until they have settled; nobody else minds. Each candidate gets as much of
 * it, however many entries it has, or one that is measured often would look better than one that is measured once.
 */
async function warmUp(field: Field, entries: readonly Entry[], { seconds, connections }: Extent): Promise<void> {
  for (const entry of entries) {
    const { length: siblings } = entries.filter((other) => isSameProcess(entry, other));
    const share = Math.max(1, warmUpRounds / siblings);
    await measureEntry(field, entry, { connections, seconds: seconds * share });
  }
}

/** TLS has a process of its own. */
function isSameProcess(one: Entry, other: Entry): boolean {
  return one.candidate === other.candidate && one.scene.tls === other.scene.tls;
}

/** One round of everything that is there. */
async function measureAll(field: Field, entries: readonly Entry[], extent: Extent): Promise<Map<string, Measured>> {
  const measured = new Map<string, Measured>();
  for (const entry of entries) {
    const result = await measureEntry(field, entry, extent);
    if (result !== null) measured.set(keyOf(entry), result);
  }
  return measured;
}

/** @returns null where the candidate could not be had */
export async function measureEntry(
  { candidates, tokens, key }: Field,
  { candidate: name, scene, identities, rate, fold }: Entry,
  { connections, seconds }: Pick<Extent, "connections" | "seconds">,
): Promise<Measured | null> {
  const candidate = candidates.get(name);
  const target = scene.tls ? candidate?.tls : candidate;
  if (target === undefined || target === null) return null;
  const size = { connections: connections * fold, tokens: tokens.slice(0, identities), call: scene, key };
  const load = rate === null ? size : { ...size, rate };
  if (performance.now() - (lastUseMs.get(target) ?? 0) > idleMs)
    await measure(target, { ...load, seconds: wakeUpSeconds });
  const measured = await measure(target, { ...load, seconds });
  lastUseMs.set(target, performance.now());
  return measured;
}

/**
 * Machines take memory back from what does nothing, and behind a minute of that calls cost up to twice as much until it is there again.
 * So whatever was idle for some time is called for a while first.
 */
const [idleMs, wakeUpSeconds] = [20_000, 3];
const lastUseMs = new WeakMap<Candidate, number>();
