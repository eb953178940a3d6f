import { describe, expect, it } from "vitest";
import { createRecall } from "../../../src/limits/recall.ts";

describe("recall", () => {
  it("knows what was added, and says whether it was new", () => {
    const recall = createRecall(3);
    expect(recall.has("a")).toBe(false);
    expect(recall.add("a")).toBe(true);
    expect(recall.add("a")).toBe(false);
    expect(recall.has("a")).toBe(true);
    expect(recall.has("")).toBe(false);
    expect(recall.add("")).toBe(true);
  });

  it("forgets what it is told to, and takes it again", () => {
    const recall = createRecall(3);
    recall.add("a");
    recall.delete("a");
    recall.delete("b");
    expect(recall.has("a")).toBe(false);
    expect(recall.add("a")).toBe(true);
  });

  it("forgets the oldest first, and no more than it must", () => {
    const recall = createRecall(3);
    for (const key of ["a", "b", "c"]) recall.add(key);
    recall.add("c");
    expect(["a", "b", "c"].map((key) => recall.has(key))).toEqual([true, true, true]);
    recall.add("d");
    expect(["a", "b", "c", "d"].map((key) => recall.has(key))).toEqual([false, true, true, true]);
    recall.add("e");
    expect(["b", "c", "d", "e"].map((key) => recall.has(key))).toEqual([false, true, true, true]);
  });

  it("counts what was forgotten on demand no longer", () => {
    const recall = createRecall(2);
    for (const key of ["a", "b"]) recall.add(key);
    recall.delete("b");
    recall.add("c");
    expect(["a", "c"].map((key) => recall.has(key))).toEqual([true, true]);
  });
});
