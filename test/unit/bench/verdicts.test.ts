import { describe, expect, it } from "vitest";
import type { Accounts } from "../../../bench/soak/accounts.ts";
import { createLedger } from "../../../bench/soak/ledger.ts";
import { createRandom } from "../../../bench/soak/random.ts";
import type { State } from "../../../bench/soak/state.ts";
import { type Evidence, judge } from "../../../bench/soak/verdicts.ts";

const state: State = {
  descriptors: 30,
  sockets: 6,
  resources: { Timeout: 3, TLSWrap: 0 },
  inflightRequests: 0,
  openStreams: 0,
};
const accounts: Accounts = {
  sound: true,
  records: 14,
  visits: 12,
  events: {},
  reasons: {},
  missing: [],
  repeated: [],
  unheard: 2,
  failedReloads: 0,
};

/** Ten answers, two requests without, and one whose head was not finished. */
function createEvidence(changes: Partial<Evidence> = {}): Evidence {
  const ledger = createLedger();
  for (let index = 0; index < 13; index++) {
    const entry = ledger.begin();
    if (index < 12) entry.headSent();
    if (index < 10) entry.answered(`id-${index}`);
    entry.end();
  }
  const weighed = [9, 1, 1, 1].map((mebibytes, index) => ({ at: index * 1_000, heapBytes: mebibytes * 1_048_576 }));
  return { weighed, before: state, after: state, accounts, ledger, exitCode: 0, ...changes };
}

function judgeWith(changes: Partial<Evidence>): string[] {
  return judge(createEvidence(changes)).flatMap(({ about, fine }) => (fine ? [] : [about]));
}

const growing = [0, 1, 2, 3].map((index) => ({ at: index * 1_000, heapBytes: index * 1_600_000 }));

describe("the verdicts of the mixed soak", () => {
  it("are good when everything adds up, and when a record of an unfinished head is there on top", () => {
    expect(judgeWith({})).toEqual([]);
    expect(judgeWith({ accounts: { ...accounts, unheard: 3 } })).toEqual([]);
  });

  it.each<[string, string, Partial<Evidence>]>([
    ["the heap grows", "heap", { weighed: growing }],
    ["a descriptor too many stays open", "leaks", { after: { ...state, descriptors: 33 } }],
    ["timers stay", "leaks", { after: { ...state, resources: { Timeout: 6 } } }],
    ["resources of another kind stay", "leaks", { after: { ...state, resources: { ...state.resources, Other: 3 } } }],
    ["a request stays in flight", "leaks", { after: { ...state, inflightRequests: 1 } }],
    ["a stream stays open", "leaks", { after: { ...state, openStreams: 1 } }],
    ["the file does not verify", "audit", { accounts: { ...accounts, sound: false } }],
    ["an answer has no record", "audit", { accounts: { ...accounts, missing: ["id-3"] } }],
    ["an answer has two records", "audit", { accounts: { ...accounts, repeated: ["id-3"] } }],
    ["an unanswered request has no record", "audit", { accounts: { ...accounts, unheard: 1 } }],
    ["there are records of nothing", "audit", { accounts: { ...accounts, unheard: 4 } }],
    ["the gateway failed", "answers", { accounts: { ...accounts, reasons: { internal_error: 1 } } }],
    ["a reload failed", "answers", { accounts: { ...accounts, failedReloads: 1 } }],
    ["the gateway was killed", "answers", { exitCode: null }],
  ])("are bad when %s", (_what, about, changes) => {
    expect(judgeWith(changes)).toEqual([about]);
  });

  it("are bad when two answers have the same id, or one has none", () => {
    const { ledger, ...rest } = createEvidence();
    for (const id of ["id-3", undefined]) ledger.begin().answered(id);
    expect(judge({ ...rest, ledger }).find(({ about }) => about === "answers")?.text).toContain("2 surprises");
  });
});

describe("the draws of the mixed soak", () => {
  it("are the same for the same seed, in branches too", () => {
    const draw = (seed: number) => {
      const random = createRandom(seed);
      return [random.fraction(), random.between(1, 1_000_000), random.branch().fraction(), random.fraction()];
    };
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
  });
});
