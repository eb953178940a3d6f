import { setTimeout as wait } from "node:timers/promises";
import type { Ledger } from "./ledger.ts";
import type { Random } from "./random.ts";
import type { Setting } from "./setting.ts";

/** What is done to gateway and server beside the load, until it is ended. */
export interface Disturbance {
  readonly counts: Readonly<{ reloads: number; restarts: number }>;
  /** Resolves when nothing is being done any more. */
  end(): Promise<void>;
}

const reloadMs = 60_000;
const firstReloadMs = 20_000;
const restartMs = { least: 30_000, most: 70_000 };
const firstRestartMs = { least: 5_000, most: 30_000 };

/** Reloads the gateway once a minute, and restarts the rough server now and then. */
export function disturb(setting: Setting, ledger: Ledger, random: Random): Disturbance {
  const ended = new AbortController();
  const counts = { reloads: 0, restarts: 0 };
  async function repeat(kind: keyof typeof counts, pauseMs: () => number, act: () => Promise<void>): Promise<void> {
    while (!ended.signal.aborted) {
      await wait(pauseMs(), undefined, { signal: ended.signal }).catch(() => {});
      if (ended.signal.aborted) return;
      counts[kind] += 1;
      await act().catch((error: unknown) => ledger.surprise(`${kind}: ${error}`));
    }
  }
  const drawPause = random.branch();
  const both = Promise.all([
    repeat("reloads", () => (counts.reloads === 0 ? firstReloadMs : reloadMs), setting.reload),
    repeat(
      "restarts",
      () => {
        const { least, most } = counts.restarts === 0 ? firstRestartMs : restartMs;
        return drawPause.between(least, most);
      },
      setting.restart,
    ),
  ]);
  return {
    counts,
    async end() {
      ended.abort();
      await both;
    },
  };
}
