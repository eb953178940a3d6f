import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkMirrors, decodeMirror, encodeMirror, type Mirror, readMirrors } from "../../src/mcp/mirrors.ts";

type Value = string | number | boolean | null | undefined;

/** A parameter, where it stands, and what a call says for it; undefined leaves it out. */
interface Parameter {
  readonly mirror: Mirror;
  readonly value: Value;
}

const names = fc.constantFrom(
  "a",
  "b",
  "region",
  "__proto__",
  "constructor",
  "x-mcp-header",
  "properties",
  "items",
  "",
);
const texts = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.constantFrom("", " padded ", "=?base64?literal?=", "=?base64?=", "42", "true", "caf\u00e9", "a\r\nb: c"),
);
const values: Record<Mirror["type"], fc.Arbitrary<Value>> = {
  string: texts,
  integer: fc.maxSafeInteger(),
  boolean: fc.boolean(),
};

/** Parameters at paths of which none leads through another, so that all of them can have a value at once. */
const parameters: fc.Arbitrary<readonly Parameter[]> = fc
  .uniqueArray(
    fc
      .tuple(fc.array(names, { maxLength: 3 }), fc.constantFrom("string", "integer", "boolean"))
      .chain(([above, type]) =>
        fc
          .option(values[type], { nil: undefined })
          .chain((value) =>
            fc.option(fc.constant(value), { nil: null, freq: 9 }).map((said) => ({ above, type, value: said })),
          ),
      ),
    { maxLength: 5, selector: ({ above }) => JSON.stringify(above) },
  )
  .map((list) =>
    list.map(({ above, type, value }, index) => ({
      // A last name of its own keeps a parameter from standing above another.
      mirror: { header: `mcp-param-h${index}`, path: [...above, `leaf${index}`], type },
      value,
    })),
  );

/** What a client sends that follows the specification: an encoder written apart from the decoder. */
function headerOf(value: NonNullable<Value>): string {
  const text = String(value);
  const plain = /^(?:[!-~](?:[\t -~]*[!-~])?)?$/.test(text) && !(text.startsWith("=?base64?") && text.endsWith("?="));
  return plain ? text : `=?base64?${btoa(String.fromCharCode(...new TextEncoder().encode(text)))}?=`;
}

function headersOf(list: readonly Parameter[]): Map<string, string> {
  const said = list.filter(({ value }) => value !== undefined && value !== null);
  return new Map(said.map(({ mirror, value }) => [mirror.header, headerOf(value as NonNullable<Value>)]));
}

type Tree = { [name: string]: unknown };

/** Sets a value at a path, through what is there already; a name is only ever a name. */
function place(root: Tree, path: readonly string[], value: unknown): void {
  let tree = root;
  for (const name of path.slice(0, -1)) {
    if (!Object.hasOwn(tree, name)) define(tree, name, {});
    tree = tree[name] as Tree;
  }
  define(tree, path.at(-1) ?? "", value);
}

function define(tree: Tree, name: string, value: unknown): void {
  Object.defineProperty(tree, name, { value, enumerable: true, configurable: true, writable: true });
}

function argsOf(list: readonly Parameter[]): Tree {
  const args: Tree = {};
  for (const { mirror, value } of list) if (value !== undefined) place(args, mirror.path, value);
  return args;
}

function schemaOf(list: readonly Parameter[]): Tree {
  const schema: Tree = {};
  for (const { mirror } of list) {
    const path = mirror.path.flatMap((name) => ["properties", name]);
    place(schema, path, { type: mirror.type, "x-mcp-header": mirror.header.replace("mcp-param-h", "H") });
  }
  return schema;
}

describe("mirrored parameters", () => {
  it("are found at their paths, wherever those lead", () => {
    fc.assert(
      fc.property(parameters, (list) => {
        const found = readMirrors(schemaOf(list)) ?? [];
        expect(new Map(found.map((mirror) => [mirror.header, mirror]))).toEqual(
          new Map(list.map(({ mirror }) => [mirror.header, mirror])),
        );
        expect(found).toHaveLength(list.length);
      }),
    );
  });

  it("fit the headers of a client that follows the specification", () => {
    fc.assert(
      fc.property(parameters, (list) => {
        const mirrors = readMirrors(schemaOf(list)) ?? [];
        expect(checkMirrors(mirrors, argsOf(list), headersOf(list))).toBeUndefined();
      }),
      { numRuns: 500 },
    );
  });

  it("do not fit when one header is lost, added or says something else", () => {
    fc.assert(
      fc.property(parameters, fc.nat(), fc.option(texts, { nil: undefined }), (list, pick, other) => {
        const changed = list[pick % Math.max(list.length, 1)];
        fc.pre(changed !== undefined);
        const headers = headersOf(list);
        const before = headers.get(changed.mirror.header);
        if (other === undefined) headers.delete(changed.mirror.header);
        else headers.set(changed.mirror.header, headerOf(other));
        fc.pre(headers.get(changed.mirror.header) !== before);
        const mirrors = readMirrors(schemaOf(list)) ?? [];
        // -0 and 0, 42 and 42.0: other texts, the same integer.
        fc.pre(changed.mirror.type !== "integer" || other === undefined || Number(other) !== changed.value);
        expect(checkMirrors(mirrors, argsOf(list), headers)).toBe(changed.mirror.header);
      }),
      { numRuns: 500 },
    );
  });

  it("make a definition invalid below any keyword but properties", () => {
    const keyword = fc.constantFrom(
      ...["items", "prefixItems", "contains", "additionalProperties", "unevaluatedItems", "propertyNames"],
      ...["oneOf", "anyOf", "allOf", "not", "if", "then", "else", "contentSchema", "x-vendor", "$ref"],
      ...["$defs", "definitions", "patternProperties", "dependentSchemas"],
    );
    const named = new Set(["$defs", "definitions", "patternProperties", "dependentSchemas"]);
    const wrapping = fc.constantFrom(
      (schema: Tree): unknown => schema,
      (schema: Tree): unknown => [{}, schema],
    );
    fc.assert(
      fc.property(parameters, parameters, keyword, names, wrapping, (around, inside, word, name, wrap) => {
        fc.pre(inside.length > 0);
        const schema = schemaOf(around);
        const below = wrap(schemaOf(inside));
        place(schema, ["properties", name, word], named.has(word) ? { n: below } : below);
        expect(readMirrors(schema)).toBeUndefined();
      }),
    );
  });
});

describe("any input", () => {
  it("is read as mirrors that hold to the rules, or as an invalid definition", () => {
    const key = fc.constantFrom("properties", "x-mcp-header", "type", "items", "a", "__proto__", "enum");
    const schema = fc.oneof(
      fc.jsonValue(),
      fc.letrec((tie) => ({
        node: fc.oneof(
          { maxDepth: 6, withCrossShrink: true },
          fc.constantFrom("string", "integer", "number", "A", "a", "b c", 1, null),
          fc.dictionary(key, tie("node"), { maxKeys: 4 }),
          fc.array(tie("node"), { maxLength: 2 }),
        ),
      })).node,
    );
    fc.assert(
      fc.property(schema, fc.jsonValue(), (inputSchema, args) => {
        const mirrors = readMirrors(inputSchema) ?? [];
        expect(new Set(mirrors.map(({ header }) => header)).size).toBe(mirrors.length);
        for (const { header, path } of mirrors) {
          expect(header).toMatch(/^mcp-param-[!#$%&'*+.^_`|~0-9a-z-]+$/);
          expect(path.length).toBeGreaterThan(0);
        }
        checkMirrors(mirrors, args, new Map());
      }),
      { numRuns: 500 },
    );
  });

  it("has one base64 form at most, and an encoded text is that text", () => {
    fc.assert(
      fc.property(
        texts.filter((text) => text.isWellFormed()),
        (text) => {
          expect(decodeMirror(headerOf(text))).toBe(text);
          expect(decodeMirror(encodeMirror(text))).toBe(text);
          expect(encodeMirror(text)).toMatch(/^[!-~](?:[ -~]*[!-~])?$/);
        },
      ),
    );
    const encoded = fc.stringMatching(/^[A-Za-z0-9+/=_ -]{0,12}$/);
    fc.assert(
      fc.property(encoded, (inside) => {
        const text = decodeMirror(`=?base64?${inside}?=`);
        if (text !== undefined) expect(Buffer.from(text).toString("base64")).toBe(inside);
      }),
    );
  });
});
