import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { expect, test } from "vitest";
import { JsonFault, readJson } from "../../src/mcp/json.ts";
import { jsonText } from "./jsonText.ts";

const limits = { maxDepth: 64, loneSurrogates: "refuse" } as const;

/** The kind of the fault, or what was read. */
function outcome(bytes: Uint8Array): string | { value: unknown } {
  try {
    return { value: readJson(bytes, limits).value };
  } catch (error) {
    if (error instanceof JsonFault) return error.kind;
    throw error;
  }
}

test("reads what JSON.parse reads, and refuses exactly the texts that name a member twice", () => {
  fc.assert(
    fc.property(jsonText({ repeatNames: true }), ({ text, repeats }) => {
      const read = outcome(Buffer.from(text));
      if (repeats) expect(read).toBe("duplicate_key");
      else expect(isDeepStrictEqual(read, { value: JSON.parse(text) })).toBe(true);
    }),
    { numRuns: 500 },
  );
});

test("a text that lost or gained a character is refused as syntax exactly when it is no JSON", () => {
  const damage = fc.record({
    at: fc.nat(),
    remove: fc.nat(2),
    insert: fc.constantFrom("", '"', "\\", "{", "]", ",", ":", "1", "\u00a0"),
  });
  fc.assert(
    fc.property(jsonText({ repeatNames: false }), damage, ({ text }, { at, remove, insert }) => {
      const start = at % (text.length + 1);
      const damaged = text.slice(0, start) + insert + text.slice(start + remove);
      fc.pre(damaged.isWellFormed());
      expect(outcome(Buffer.from(damaged)) === "syntax").toBe(!isJson(damaged));
    }),
    { numRuns: 500 },
  );
});

test("bytes of any kind end in a value or a fault", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        fc.string().map((text) => Buffer.from(text)),
      ),
      (bytes) => {
        outcome(bytes);
      },
    ),
  );
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
