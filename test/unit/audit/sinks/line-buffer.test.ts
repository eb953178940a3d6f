import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LineBuffer } from "../../../../src/audit/sinks/line-buffer.ts";

const most = { lines: 2, bytes: 100 };

function fill(buffer: LineBuffer, ...lines: string[]): number[] {
  return lines.map((line) => buffer.push(line));
}

describe("a buffer of lines", () => {
  it("gives them in order, and the same ones until they are settled", () => {
    const buffer = new LineBuffer({ maxRecords: 10, maxBytes: 100 });
    fill(buffer, "a", "b", "c");
    expect(buffer.take(most)).toEqual(["a", "b"]);
    fill(buffer, "d");
    expect(buffer.take(most)).toEqual(["a", "b"]);
    expect(buffer.length).toBe(4);
    buffer.settle();
    expect(buffer.take(most)).toEqual(["c", "d"]);
    buffer.settle();
    expect(buffer.take(most)).toEqual([]);
    expect([buffer.length, buffer.bytes]).toEqual([0, 0]);
  });

  it.each([
    ["records", { maxRecords: 3, maxBytes: 100 }, ["a", "b", "c", "d"], [0, 0, 0, 1], ["b", "c", "d"]],
    ["bytes", { maxRecords: 9, maxBytes: 6 }, ["aa", "bb", "cc", "ddd"], [0, 0, 0, 2], ["cc", "ddd"]],
    ["bytes, not characters", { maxRecords: 9, maxBytes: 6 }, ["aa", "ää", "b"], [0, 0, 1], ["ää", "b"]],
    ["what fits nowhere", { maxRecords: 9, maxBytes: 3 }, ["a", "bbbb", "c"], [0, 1, 0], ["a", "c"]],
  ])("drops the oldest beyond its %s", (_, limits, lines, dropped, kept) => {
    const buffer = new LineBuffer(limits);
    expect(fill(buffer, ...lines)).toEqual(dropped);
    expect(buffer.take({ lines: 9, bytes: 100 })).toEqual(kept);
  });

  it("does not drop what is on its way", () => {
    const buffer = new LineBuffer({ maxRecords: 3, maxBytes: 100 });
    fill(buffer, "a", "b", "c");
    buffer.take(most);
    expect(fill(buffer, "d", "e")).toEqual([1, 1]);
    buffer.settle();
    expect(buffer.take(most)).toEqual(["e"]);
    const narrow = new LineBuffer({ maxRecords: 2, maxBytes: 100 });
    fill(narrow, "a", "b");
    narrow.take(most);
    expect(narrow.push("c")).toBe(1);
    expect(narrow.take(most)).toEqual(["a", "b"]);
  });

  it("sends a line that is larger than a batch alone", () => {
    const buffer = new LineBuffer({ maxRecords: 9, maxBytes: 1_000 });
    fill(buffer, "a", "b".repeat(200), "c");
    const batches = [1, 2, 3].map(() => {
      const batch = buffer.take({ lines: 9, bytes: 100 });
      buffer.settle();
      return batch;
    });
    expect(batches).toEqual([["a"], ["b".repeat(200)], ["c"]]);
  });

  it("is never larger than allowed, loses only what it counts, and keeps the order", () => {
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.nat({ max: 12 }).map((length) => ({ kind: "push", length }) as const) },
      fc.constant({ kind: "take" } as const),
      fc.constant({ kind: "settle" } as const),
    );
    const limits = fc.record({ maxRecords: fc.integer({ min: 1, max: 6 }), maxBytes: fc.integer({ min: 1, max: 40 }) });
    fc.assert(
      fc.property(limits, fc.array(step, { maxLength: 3_000, size: "max" }), (limits, steps) => {
        const buffer = new LineBuffer(limits);
        let pushed = 0;
        let dropped = 0;
        let taken: readonly string[] = [];
        const settled: number[] = [];
        for (const each of steps) {
          if (each.kind === "push") {
            pushed += 1;
            dropped += buffer.push(`${pushed}:${"x".repeat(each.length)}`);
          } else if (each.kind === "take") taken = buffer.take(most);
          else {
            buffer.settle();
            settled.push(...taken.map((line) => Number.parseInt(line, 10)));
            taken = [];
          }
          expect(buffer.length).toBeLessThanOrEqual(limits.maxRecords);
          expect(buffer.bytes).toBeLessThanOrEqual(limits.maxBytes);
          expect(settled.length + buffer.length + dropped).toBe(pushed);
        }
        expect(settled).toEqual([...new Set(settled)].toSorted((a, b) => a - b));
      }),
      { numRuns: 60 },
    );
  });
});
