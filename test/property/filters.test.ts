import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type CompletionAsk, filterCompletion } from "../../src/mcp/completion.ts";
import { filterContents, filterPrompt } from "../../src/mcp/filters.ts";
import type { Target } from "../../src/mcp/methods.ts";
import { canonicalTemplate } from "../../src/mcp/names.ts";
import { elementSpans } from "../../src/mcp/splice.ts";
import { expandTemplate, parseTemplate } from "../../src/mcp/templates.ts";
import { jsonText } from "./jsonText.ts";

/** The source of an element, and what should be left of it: undefined where it should be cut. */
interface Part {
  readonly source: string;
  readonly left: string | undefined;
}

const isVisible = (target: Target): boolean => target.kind === "resource" && target.name.startsWith("x://h/open");
const any = jsonText({ repeatNames: false }).map(({ text }) => text);
const gap = fc.constantFrom("", " ", "\n\t");
const uri = fc.constantFrom(
  { uri: "x://h/open/1", open: true },
  { uri: "X://H/op%65n", open: true },
  { uri: "x://h/shut", open: false },
  { uri: "x://h/open/%2e%2e/shut", open: false },
  { uri: "open", open: false },
);

/** An object that names a URI among members of any kind. */
const named = fc.record({ uri, any, gap }).map(({ uri, any, gap }) => ({
  source: `{"x":${any},${gap}"ur\\u0069":${gap}"${uri.uri}"${gap},"text":"",\n"y":${any}}`,
  open: uri.open,
}));

const contents = named.map(({ source, open }): Part => ({ source, left: open ? source : undefined }));

const block = fc.oneof(
  any.map((any) => ({ source: `{"type":"text","text":"","x":${any}}`, open: true })),
  named.map(({ source, open }) => ({ source: `{"type":"resource", "resource":${source}}`, open })),
  named.map(({ source, open }) => ({ source: `{"type":"resource_link",${source.slice(1)}`, open })),
);
const single = block.map(({ source, open }): Part => {
  const message = `{"role":"user", "content":${source}}`;
  return { source: message, left: open ? message : undefined };
});
const several = fc.record({ any, gap, blocks: fc.array(block, { maxLength: 4 }) }).map(({ any, gap, blocks }): Part => {
  const whole = (sources: readonly { source: string }[]): string =>
    `{"x":${any},"content" :[${gap}${sources.map(({ source }) => source).join(`,${gap}`)}${gap}],"role":"user"}`;
  const open = blocks.filter((block) => block.open);
  return { source: whole(blocks), left: blocks.length > 0 && open.length === 0 ? undefined : whole(open) };
});

const value = fc.constantFrom('"open"', '"\\u006fpen!"', '"shut"', '"open/"', '"..\\/"', "1", '["open"]', "null");
const values = value.map((source): Part => ({ source, left: /^"(open"|\\u)/.test(source) ? source : undefined }));

const asked: CompletionAsk = { kind: "template", template: "x://h/{a}", argument: "a", given: [] };

test.each<[string, readonly string[], fc.Arbitrary<Part>, (text: string, result: Record<string, unknown>) => string]>([
  ["a read", ["contents"], contents, (text, result) => filterContents(text, result, "x://asked", isVisible)],
  [
    "a prompt",
    ["messages"],
    fc.oneof(single, several),
    (text, result) => filterPrompt(text, result, { sees: isVisible, opens: isVisible }),
  ],
  [
    "a completion",
    ["completion", "values"],
    values,
    (text, result) => filterCompletion(text, result, asked, isVisible),
  ],
])("%s keeps what may be seen, byte for byte, and nothing else", (_case, path, part, filter) => {
  const message = fc.record({ any, gap, parts: fc.array(part, { maxLength: 5 }) });
  fc.assert(
    fc.property(message, ({ any, gap, parts }) => {
      const inner = path.length > 1 ? [`{"${path[0]}":{"x":${any},`, "}}"] : ["{", "}"];
      const head = `${gap}{"id":1e400,"x":${any},"result":${gap}${inner[0]}"${path.at(-1)}":${gap}[${gap}`;
      const tail = `${gap}],"z":${any}${inner[1]}${gap}}`;
      const text = head + parts.map(({ source }) => source).join(`,${gap}`) + tail;
      const left = parts.flatMap(({ left }) => (left === undefined ? [] : [left]));

      const filtered = filter(text, JSON.parse(text).result);

      if (parts.every(({ source, left }) => source === left)) expect(filtered).toBe(text);
      expect(sources(filtered, path)).toEqual(left);
      expect(filtered.startsWith(head) && filtered.endsWith(tail)).toBe(true);
      const expected = head + left.join(",") + tail;
      expect(isDeepStrictEqual(JSON.parse(filtered), JSON.parse(expected))).toBe(true);
    }),
    { numRuns: 300 },
  );
});

function sources(text: string, path: readonly string[]): string[] | undefined {
  return elementSpans(text, ["result", ...path])?.map(({ start, end }) => text.slice(start, end));
}

test("what a template may still become is among what is left of it", () => {
  const names = ["a", "b", "c"];
  const list = fc.array(fc.constantFrom(...names, "a*", "b:2"), { minLength: 1, maxLength: 3 });
  const piece = fc.oneof(
    fc.constantFrom("/", "x", "%7e", "?q=", "é"),
    fc.tuple(fc.constantFrom("", "+", "#", ".", "/", ";", "?", "&"), list).map(([op, vars]) => `{${op}${vars}}`),
  );
  const template = fc.array(piece, { maxLength: 5 }).map((pieces) => `X://h/${pieces.join("")}`);
  const values = fc.record(
    Object.fromEntries(names.map((name) => [name, fc.constantFrom("v", "", "é w", "%41/", ".")])),
  );
  fc.assert(
    fc.property(template, values, fc.subarray(names), (source, values, known) => {
      const parsed = parseTemplate(source);
      const full = expandTemplate(parsed, (name) => values[name]);
      const partial = expandTemplate(parsed, (name) => (known.includes(name) ? values[name] : undefined));
      if (full === undefined || partial === undefined) return;
      expect(full.kind).toBe("resource");
      const pieces = partial.name.split(/\{[^}]*\}/).map((piece) => RegExp.escape(piece));
      expect(full.name).toMatch(new RegExp(`^${pieces.join(".*")}$`, "su"));
      expect(canonicalTemplate(partial.name)).toBe(partial.name);
    }),
    { numRuns: 3_000 },
  );
});
