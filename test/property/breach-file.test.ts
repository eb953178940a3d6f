/** A search in a list of breached passwords finds what a plain scan finds, by bounded reads, and trusts no list in another order. */
import { hash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type ByteSource, hasDigest } from "../../src/auth/users/breach-file.ts";

const digestOf = (text: string) => hash("sha1", text, "hex").toUpperCase();

/** A source that counts what is read. */
function open(text: string) {
  const bytes = Buffer.from(text, "latin1");
  const asked: number[] = [];
  const source: ByteSource = {
    size: bytes.length,
    async read(at, length) {
      asked.push(length);
      return bytes.subarray(at, at + length);
    },
  };
  return { source, asked };
}

const list = fc.record({
  size: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 3_000 })),
  seed: fc.string(),
  newline: fc.constantFrom("\n", "\r\n"),
  ends: fc.boolean(),
  width: fc.integer({ min: 1, max: 12 }),
});

function write({ size, seed, newline, ends, width }: typeof list extends fc.Arbitrary<infer Value> ? Value : never) {
  const digests = Array.from({ length: size }, (_, each) => digestOf(`${seed}${each}`)).toSorted();
  const lines = digests.map((digest, each) => `${digest}:${"9".repeat(1 + (each % width))}`);
  return { digests, lines, text: lines.join(newline) + (ends ? newline : "") };
}

describe("a list of breached passwords", () => {
  test("has what a scan finds in it, and nothing else", async () => {
    await fc.assert(
      fc.asyncProperty(list, fc.array(fc.nat(5_999), { maxLength: 10 }), async (made, sought) => {
        const { digests, text } = write(made);
        const { source } = open(text);
        const ends = [digests[0], digests.at(-1), "0".repeat(40), "F".repeat(40)].map(String);
        // Half of them are in a list of the full length.
        for (const digest of [...ends, ...sought.map((each) => digestOf(`${made.seed}${each}`))])
          expect(await hasDigest(source, digest)).toBe(text.includes(digest));
      }),
      { numRuns: 60 },
    );
  });

  test("is read in small parts, however long it is", async () => {
    const { text, digests } = write({ size: 60_000, seed: "", newline: "\r\n", ends: true, width: 7 });
    for (const digest of [digests[41_234] ?? "", digestOf("nowhere")]) {
      const { source, asked } = open(text);
      expect(await hasDigest(source, digest)).toBe(digests.includes(digest));
      expect(asked.length).toBeLessThan(85);
      expect(Math.max(...asked)).toBeLessThanOrEqual(4_096);
    }
  });

  test("is refused where two of its lines that are read stand the other way round", async () => {
    const pair = fc.tuple(fc.nat(49), fc.nat(49)).filter(([a, b]) => a !== b);
    await fc.assert(
      fc.asyncProperty(pair, async ([a, b]) => {
        const { lines } = write({ size: 50, seed: "", newline: "\n", ends: true, width: 3 });
        const [one = "", other = ""] = [lines[a], lines[b]];
        const text = lines.with(a, other).with(b, one).join("\n");
        await expect(hasDigest(open(text).source, digestOf("x"))).rejects.toThrow(
          /the line at byte \d+ is out of order/,
        );
      }),
      { numRuns: 60 },
    );
  });

  test("is refused where it is long and in the order of its counts", async () => {
    const text = Array.from({ length: 20_000 }, (_, each) => `${digestOf(String(each))}:${20_000 - each}\n`).join("");
    await expect(hasDigest(open(text).source, digestOf("x"))).rejects.toThrow("out of order");
  });

  test.each([
    ["empty", "", "it is empty"],
    ["cut off within a digest", `${digestOf("a")}:3\n${digestOf("b").slice(9)}`, "byte 43 is no line"],
    ["cut off before a count", `${digestOf("a")}:3\n${digestOf("b")}:`, "byte 43 is no line"],
    ["in small letters", `${digestOf("a").toLowerCase()}:3\n`, "byte 0 is no line"],
    ["without counts", `${digestOf("a")}\n`, "byte 0 is no line"],
    ["one long line", "A".repeat(100_000), "is no line"],
    ["a list of something else", "password\n".repeat(9_000), "is no line"],
    ["with a line between that is none", `${"0".repeat(40)}:1\nx\n${"F".repeat(40)}:1\n`, "byte 43 is no line"],
  ])("is refused where it is %s", async (_what, text, problem) => {
    await expect(hasDigest(open(text).source, digestOf("a"))).rejects.toThrow(problem);
  });
});
