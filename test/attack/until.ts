import { setTimeout as wait } from "node:timers/promises";

const pollMs = 10;

/**
 * Asks again until the answer is truthy, and returns it.
 *
 * @throws Error naming what was waited for, after `deadlineMs`
 */
export async function until<T>(what: string, probe: () => T | Promise<T>, deadlineMs = 30_000): Promise<T> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (performance.now() > end) throw new Error(`not within ${deadlineMs} ms: ${what}`);
    await wait(pollMs);
  }
}
