import { setTimeout as wait } from "node:timers/promises";
import { createScale, type Scale } from "../memory.ts";
import type { Point } from "../slope.ts";
import { type Accounts, readAccounts } from "./accounts.ts";
import { createCaller } from "./caller.ts";
import { disturb } from "./disturb.ts";
import { faults } from "./faults.ts";
import { good } from "./good.ts";
import { type Counts, createLedger } from "./ledger.ts";
import { createPace } from "./pace.ts";
import { createRandom } from "./random.ts";
import { refused } from "./refused.ts";
import type { Setting } from "./setting.ts";
import { readResidentBytes, type State, settle, settleBack } from "./state.ts";
import { judge, type Verdict } from "./verdicts.ts";

/** What a run has shown. */
export interface Outcome {
  readonly counts: Readonly<Counts & { reloads: number; restarts: number }>;
  readonly weighed: readonly Point[];
  readonly residentBytes: { readonly before: number; readonly after: number };
  /** What was open after the warm-up, and in the end. */
  readonly before: State;
  readonly after: State;
  readonly accounts: Accounts;
  readonly verdicts: readonly Verdict[];
}

const warmUpMs = 20_000;
const progressMs = 30_000;
const pointsPerMinute = 3;
/** On the way the load rests for each point, which takes a few seconds. */
const maxPoints = 30;
const minPoints = 6;

/**
 * Lets the load run, and judges what it leaves behind. The gateway is stopped afterwards.
 *
 * @param seed whole number below 2^32, from which everything is drawn
 * @param tell hears how far it is
 * @throws Error when the gateway cannot be looked at any more
 */
export async function soak(
  setting: Setting,
  minutes: number,
  seed: number,
  tell: (line: string) => void,
): Promise<Outcome> {
  const { gateway, ca, auditDirectory, tokenOf } = setting;
  const random = createRandom(seed);
  const ledger = createLedger();
  const scale = await createScale(gateway);
  const caller = createCaller(gateway.publicUrl, ca, ledger);
  const pace = createPace([...good, ...refused, ...faults], { caller, ledger, tokenOf }, random.branch());
  const ends: (() => unknown)[] = [pace.rest];
  try {
    pace.run();
    await wait(warmUpMs);
    await pace.rest();
    const before = await settle(gateway, scale);
    const first = await weigh(scale, gateway.child.pid ?? 0);

    const disturbance = disturb(setting, ledger, random.branch());
    ends.push(disturbance.end);
    const weighed: Point[] = [];
    let last = first;
    const begun = performance.now();
    const progress = setInterval(
      () => tell(describeProgress(ledger.counts, performance.now() - begun, last.heapBytes)),
      progressMs,
    );
    ends.push(() => clearInterval(progress));
    const points = Math.min(maxPoints, Math.max(minPoints, Math.round(minutes * pointsPerMinute)));
    for (let point = 1; point <= points; point++) {
      pace.run();
      await wait(Math.max(0, begun + (point / points) * minutes * 60_000 - performance.now()));
      await pace.rest();
      last = await weigh(scale, gateway.child.pid ?? 0);
      weighed.push({ at: ledger.counts.messages, heapBytes: last.heapBytes });
    }
    await disturbance.end();
    const after = await settleBack(gateway, scale, before);
    const exitCode = await setting.stopGateway();
    const accounts = await readAccounts(auditDirectory, ledger);
    return {
      counts: { ...ledger.counts, ...disturbance.counts },
      weighed,
      residentBytes: { before: first.residentBytes, after: last.residentBytes },
      before,
      after,
      accounts,
      verdicts: judge({ weighed, before, after, accounts, ledger, exitCode }),
    };
  } finally {
    // A gateway that has failed must not leave the load running.
    for (const end of ends.toReversed()) await end();
  }
}

const looks = 3;

/** The least of some looks at the heap, for each of them lets finalizers run, and what is resident then. */
async function weigh(scale: Scale, pid: number): Promise<{ heapBytes: number; residentBytes: number }> {
  const heaps: number[] = [];
  while (heaps.length < looks) heaps.push((await scale.weigh()).heap);
  return { heapBytes: Math.min(...heaps), residentBytes: await readResidentBytes(pid) };
}

function describeProgress({ messages, answers, refusals, faults }: Counts, ms: number, heapBytes: number): string {
  const counted = `${messages} messages, ${answers} answers, ${refusals} refusals, ${faults} faults`;
  return `${Math.round(ms / 1_000)} s: ${counted}, ${(heapBytes / 1_048_576).toFixed(2)} MiB of heap`;
}
