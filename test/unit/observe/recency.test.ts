import { describe, expect, it } from "vitest";
import { createRecency } from "../../../src/observe/recency.ts";

describe("createRecency", () => {
  it("counts what was seen within the window, once", () => {
    const recency = createRecency(100, 10);
    recency.touch("s", "a", 0);
    recency.touch("s", "b", 50);
    recency.touch("s", "a", 60);
    recency.touch("t", "c", 60);
    expect([recency.count("s", 100), recency.count("t", 100)]).toEqual([2, 1]);
    expect(recency.count("s", 155)).toBe(1);
    expect(recency.count("s", 161)).toBe(0);
  });

  it("forgets the oldest when it is full", () => {
    const recency = createRecency(1_000, 2);
    for (const [at, key] of ["a", "b", "c"].entries()) recency.touch("s", key, at);
    expect(recency.count("s", 3)).toBe(2);
  });
});
