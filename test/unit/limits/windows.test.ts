import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createWindows } from "../../../src/limits/windows.ts";

const rate = { requests: 3, windowMs: 1_000 };

describe("windows", () => {
  it("give what is left, and say when they end", () => {
    let nowMs = 0;
    const windows = createWindows(() => nowMs);
    expect(windows.take("a", rate, "k", 2)).toEqual({ granted: 2, resetMs: 1_000 });
    nowMs = 400;
    expect(windows.take("a", rate, "k", 2)).toEqual({ granted: 1, resetMs: 600 });
    expect(windows.take("a", rate, "k", 2)).toEqual({ granted: 0, resetMs: 600 });
    nowMs = 999;
    expect(windows.take("a", rate, "k", 1)).toEqual({ granted: 0, resetMs: 1 });
    nowMs = 1_000;
    expect(windows.take("a", rate, "k", 1)).toEqual({ granted: 1, resetMs: 1_000 });
  });

  it.each<[string, string, typeof rate, string]>([
    ["another key", "a", rate, "l"],
    ["another limit", "b", rate, "k"],
    ["the same limit with other numbers", "a", { ...rate, requests: 4 }, "k"],
    ["the same limit with another window", "a", { ...rate, windowMs: 2_000 }, "k"],
  ])("do not count %s", (_case, name, other, key) => {
    const windows = createWindows(() => 0);
    windows.take("a", rate, "k", 3);
    expect(windows.take(name, other, key, 3).granted).toBe(3);
  });

  it("never give more than the rate in any window, whatever is asked when", () => {
    const question = fc.record({
      key: fc.constantFrom("a", "b"),
      want: fc.integer({ min: 1, max: 5 }),
      waitMs: fc.nat(700),
    });
    fc.assert(
      fc.property(fc.array(question, { maxLength: 60 }), (questions) => {
        let nowMs = 0;
        const windows = createWindows(() => nowMs);
        const begun = new Map<string, { endsAtMs: number; granted: number }>();
        for (const { key, want, waitMs } of questions) {
          nowMs += waitMs;
          const { granted, resetMs } = windows.take("n", rate, key, want);
          const known = begun.get(key);
          const window =
            known !== undefined && nowMs < known.endsAtMs ? known : { endsAtMs: nowMs + 1_000, granted: 0 };
          begun.set(key, { ...window, granted: window.granted + granted });
          expect(nowMs + resetMs).toBe(window.endsAtMs);
          expect(granted).toBe(Math.min(want, rate.requests - window.granted));
        }
      }),
    );
  });
});
