import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { expect, test } from "vitest";
import { elementSpans, removeElements, removeMember, setMember, valueSpan } from "../../src/mcp/splice.ts";
import { jsonText } from "./jsonText.ts";

const text = jsonText({ repeatNames: false }).map((json) => json.text);
const gap = fc.constantFrom("", " ", "\n\t");

/** A list answer: an array at result.tools among members that only look like it. */
const answer = fc
  .record({
    gap,
    before: text,
    after: text,
    elements: fc.array(fc.record({ text, keep: fc.boolean(), gap }), { maxLength: 6 }),
  })
  .map(({ gap, before, after, elements }) => {
    const list = elements.map((element) => `${gap}${element.text}${element.gap}`).join(",");
    return {
      head: `${gap}{"tools":[${before}],${gap}"result"${gap}:{"x":${before},"to\\u006fls":${gap}[`,
      list,
      tail: `${gap}]${gap},"after":${after}}}${gap}`,
      elements,
    };
  });

const path = ["result", "tools"];

test("the spans of elements are their source texts", () => {
  fc.assert(
    fc.property(answer, ({ head, list, tail, elements }) => {
      const whole = head + list + tail;
      expect(sources(whole)).toEqual(elements.map((element) => element.text));
    }),
    { numRuns: 300 },
  );
});

test("removing elements leaves exactly the kept ones, and everything around the array byte for byte", () => {
  fc.assert(
    fc.property(answer, ({ head, list, tail, elements }) => {
      const whole = head + list + tail;
      const keep = elements.map((element) => element.keep);
      const filtered = removeElements(whole, path, keep);
      const expected = JSON.parse(whole);
      expected.result.tools = expected.result.tools.filter((_: unknown, index: number) => keep[index]);
      expect(isDeepStrictEqual(JSON.parse(filtered), expected)).toBe(true);
      expect(sources(filtered)).toEqual(elements.filter((element) => element.keep).map((element) => element.text));
      expect(filtered.startsWith(head) && filtered.endsWith(tail)).toBe(true);
    }),
    { numRuns: 300 },
  );
});

test("setting a member changes or adds that member only", () => {
  const name = fc.constantFrom("a", "1", "__proto__", "\u00e9", 'q"\\', "");
  fc.assert(
    fc.property(text, text, fc.array(name, { maxLength: 2 }), text, (inner, beside, last, fresh) => {
      const whole = `{"beside":${beside}, "inner":${inner} }`;
      const target = ["inner", ...last];
      const changed = setMember(whole, target, fresh);
      const expected = JSON.parse(whole);
      assign(expected, target, fresh);
      expect(isDeepStrictEqual(JSON.parse(changed), expected)).toBe(true);
      expect(source(changed, ["beside"])).toBe(beside);
      expect([undefined, fresh]).toContain(source(changed, target));
    }),
    { numRuns: 500 },
  );
});

test("removing a member removes that member only", () => {
  fc.assert(
    fc.property(text, (whole) => {
      const value: unknown = JSON.parse(whole);
      if (!isObject(value)) return;
      for (const name of Object.keys(value)) {
        const removed = removeMember(whole, [name]);
        const { [name]: _, ...expected } = value;
        expect(isDeepStrictEqual(JSON.parse(removed), expected)).toBe(true);
        for (const other of Object.keys(expected)) expect(source(removed, [other])).toBe(source(whole, [other]));
      }
    }),
    { numRuns: 500 },
  );
});

test("a member of a random text is found where JSON.parse finds it", () => {
  fc.assert(
    fc.property(text, (whole) => {
      const value: unknown = JSON.parse(whole);
      if (typeof value !== "object" || value === null || Array.isArray(value)) return;
      for (const [name, member] of Object.entries(value)) {
        expect(isDeepStrictEqual(JSON.parse(source(whole, [name]) ?? ""), member)).toBe(true);
      }
    }),
    { numRuns: 300 },
  );
});

function sources(whole: string): string[] | undefined {
  return elementSpans(whole, path)?.map(({ start, end }) => whole.slice(start, end));
}

function source(whole: string, at: readonly string[]): string | undefined {
  const span = valueSpan(whole, at);
  return span && whole.slice(span.start, span.end);
}

/** What setMember promises, on parsed values: own members only, and nothing where the parent is no object. */
function assign(root: Record<string, unknown>, target: readonly string[], fresh: string): void {
  let parent: unknown = root;
  for (const name of target.slice(0, -1)) {
    if (!isObject(parent) || !Object.hasOwn(parent, name)) return;
    parent = parent[name];
  }
  if (!isObject(parent)) return;
  const value: unknown = JSON.parse(fresh);
  Object.defineProperty(parent, target.at(-1) ?? "", { value, enumerable: true, configurable: true, writable: true });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
