import { describe, expect, it } from "vitest";
import { Tally } from "../../../src/policy/compare/tally.ts";

describe("a tally", () => {
  it("keeps so many kinds, and counts the rest", () => {
    const tally = new Tally<number>(2);
    for (const kind of [1, 2, 3, 2, 3, 1, 2]) tally.add(kind, { time: "t", id: null });
    expect(tally.list().map(({ what, count }) => [what, count])).toEqual([
      [2, 3],
      [1, 2],
    ]);
    expect(tally.beyond).toBe(2);
  });

  it("knows the first and the last time, and some ids", () => {
    const tally = new Tally<object>();
    const happenings = [
      ["5", null],
      ["7", "a"],
      ["3", "b"],
      ["4", null],
      ["6", "c"],
      ["7", "d"],
    ] as const;
    for (const [time, id] of happenings) tally.add({ of: "one" }, { time, id });
    expect(tally.list()).toEqual([{ what: { of: "one" }, count: 6, first: "3", last: "7", examples: ["a", "b", "c"] }]);
    expect(tally.beyond).toBe(0);
  });

  it("lists of what is as frequent what was first", () => {
    const tally = new Tally<string>();
    const happenings = [
      ["late", "5"],
      ["often", "8"],
      ["early", "3"],
      ["often", "9"],
      ["middle", "4"],
    ] as const;
    for (const [what, time] of happenings) tally.add(what, { time, id: time });
    expect(tally.list().map(({ what, examples }) => [what, ...examples])).toEqual([
      ["often", "8", "9"],
      ["early", "3"],
      ["middle", "4"],
      ["late", "5"],
    ]);
  });
});
