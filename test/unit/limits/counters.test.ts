import { describe, expect, it } from "vitest";
import { createCounters } from "../../../src/limits/counters.ts";

const rate = { requests: 2, windowMs: 60_000, onFailure: "local" } as const;

describe("counters", () => {
  it("count each key by itself and say how long to wait", async () => {
    const counters = createCounters(null, () => 0);
    expect(await counters.count("address", rate, "a")).toBeNull();
    expect(await counters.count("address", rate, "a")).toBeNull();
    const waitMs = await counters.count("address", rate, "a");
    expect(waitMs).toBeGreaterThan(0);
    expect(waitMs).toBeLessThanOrEqual(60_000);
    expect(await counters.count("address", rate, "b")).toBeNull();
    expect(await counters.count("identity", rate, "a")).toBeNull();
  });

  it("never share a count between two limits of one name", async () => {
    const counters = createCounters(null, () => 0);
    expect(await counters.count("tool", { ...rate, requests: 1, windowMs: 1_000 }, "a")).toBeNull();
    expect(await counters.count("tool", { ...rate, requests: 1, windowMs: 2_000 }, "a")).toBeNull();
  });

  it("give a place back once, however often it is disposed of", () => {
    const counters = createCounters(null, () => 0);
    const first = counters.enter("identity", "a", 2);
    const second = counters.enter("identity", "a", 2);
    expect(counters.enter("identity", "a", 2)).toBeNull();
    first?.[Symbol.dispose]();
    first?.[Symbol.dispose]();
    const third = counters.enter("identity", "a", 2);
    expect(third).not.toBeNull();
    expect(counters.enter("identity", "a", 2)).toBeNull();
    second?.[Symbol.dispose]();
    third?.[Symbol.dispose]();
    expect(counters.enter("identity", "b", 2)).not.toBeNull();
  });
});
