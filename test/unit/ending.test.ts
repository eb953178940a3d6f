import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { asSignal, VisitEnding } from "../../src/ending.ts";

describe("the end of a visit", () => {
  it("tells each listener once, whatever kind it is, and knows the first reason", () => {
    const ending = new VisitEnding();
    const told: unknown[] = [];
    ending.addEventListener("abort", () => told.push(ending.reason));
    ending.addEventListener("abort", { handleEvent: () => told.push(ending.aborted) });
    ending.abort("first");
    ending.abort("second");
    expect(told).toEqual(["first", true]);
    expect(ending).toMatchObject({ aborted: true, reason: "first" });
  });

  it("tells nobody who has gone, or who comes too late", () => {
    const ending = new VisitEnding();
    const told: string[] = [];
    const gone = () => told.push("gone");
    ending.addEventListener("abort", gone);
    ending.removeEventListener("abort", gone);
    ending.removeEventListener("abort", gone);
    ending.abort("reason");
    ending.addEventListener("abort", () => told.push("late"));
    ending.abort("again");
    expect(told).toEqual([]);
  });

  it("tells those who are still there when one goes meanwhile", () => {
    const ending = new VisitEnding();
    const told: string[] = [];
    const first = () => {
      told.push("first");
      ending.removeEventListener("abort", first);
    };
    ending.addEventListener("abort", first);
    ending.addEventListener("abort", () => told.push("second"));
    ending.abort("reason");
    expect(told).toEqual(["first", "second"]);
  });
});

describe("asSignal", () => {
  it("is aborted with it, for the same reason, before or later", async () => {
    const ending = new VisitEnding();
    const before = asSignal(ending);
    expect(before.aborted).toBe(false);
    ending.abort("reason");
    await turn();
    for (const signal of [before, asSignal(ending)]) expect(signal).toMatchObject({ aborted: true, reason: "reason" });
  });

  it("leaves a real signal as it is", () => {
    const { signal } = new AbortController();
    expect(asSignal(signal)).toBe(signal);
  });
});
