import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cacheKey } from "../../../src/upstream/cache-key.ts";
import { listKinds } from "../../../src/upstream/lists.ts";

describe("cacheKey", () => {
  const version = "io.modelcontextprotocol/protocolVersion";
  const capabilities = "io.modelcontextprotocol/clientCapabilities";
  const client = "io.modelcontextprotocol/clientInfo";
  const meta = (more: object = {}) => ({ [version]: "2026-07-28", [capabilities]: {}, ...more });
  const key = (params: unknown, method = "tools/list") => cacheKey(method, params);
  const plain = key({ _meta: meta() });

  it("is there for each list, and for nothing else", () => {
    const methods = ["tools/list", "prompts/list", "resources/list", "resources/templates/list"];
    expect([...listKinds.keys()]).toEqual(methods);
    const keys = methods.map((method) => key({ _meta: meta() }, method));
    expect(keys.every((text) => typeof text === "string")).toBe(true);
    expect(new Set(keys).size).toBe(methods.length);
    for (const method of ["tools/call", "resources/read", "server/discover", "roots/list", "constructor", ""])
      expect(key({ _meta: meta() }, method)).toBeUndefined();
  });

  it.each<[string, object]>([
    ["the client's name", { [client]: { name: "x", version: "1" } }],
    ["a trace", { traceparent: "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01", tracestate: "a=b" }],
  ])("does not depend on %s", (_case, more) => {
    expect(key({ _meta: meta(more) })).toBe(plain);
  });

  it.each<[string, unknown]>([
    ["a cursor", { _meta: meta(), cursor: "2" }],
    ["an empty cursor", { _meta: meta(), cursor: "" }],
    ["a cursor that says null", { _meta: meta(), cursor: "null" }],
    ["another revision", { _meta: meta({ [version]: "2027-01-01" }) }],
    ["capabilities", { _meta: meta({ [capabilities]: { sampling: {} } }) }],
    ["baggage", { _meta: meta({ baggage: "tenant=a" }) }],
    ["empty baggage", { _meta: meta({ baggage: "" }) }],
  ])("depends on %s", (_case, params) => {
    expect(key(params)).toEqual(expect.any(String));
    expect(key(params)).not.toBe(plain);
  });

  it("is the same for capabilities in any order, at any depth", () => {
    const one = { a: { x: [1, { p: null, q: "t" }], y: true }, b: {} };
    const other = { b: {}, a: { y: true, x: [1, { q: "t", p: null }] } };
    const list = { a: { y: true, x: [{ q: "t", p: null }, 1] }, b: {} };
    const keys = [one, other, list].map((said) => key({ _meta: meta({ [capabilities]: said }) }));
    expect(keys[0]).toBe(keys[1]);
    expect(keys[0]).not.toBe(keys[2]);
  });

  it("tells apart capabilities that look alike", () => {
    const said = [
      {},
      { a: {} },
      { a: [] },
      { a: [1, 1] },
      { a: [11] },
      { a: ["1,1"] },
      { a: null },
      { a: "null" },
      { a: 11 },
    ];
    const keys = said.map((can) => key({ _meta: meta({ [capabilities]: can }) }));
    expect(new Set(keys).size).toBe(said.length);
  });

  it.each<[string, unknown]>([
    ["no parameters", undefined],
    ["parameters in a list", [meta()]],
    ["no _meta", {}],
    ["_meta that is no object", { _meta: "x" }],
    ["no revision", { _meta: { [capabilities]: {} } }],
    ["a revision that is no text", { _meta: meta({ [version]: 1 }) }],
    ["no capabilities", { _meta: { [version]: "2026-07-28" } }],
    ["capabilities in a list", { _meta: meta({ [capabilities]: [] }) }],
    ["capabilities that are null", { _meta: meta({ [capabilities]: null }) }],
    ["a cursor that is null", { _meta: meta(), cursor: null }],
    ["a cursor that is a number", { _meta: meta(), cursor: 2 }],
    ["baggage that is no text", { _meta: meta({ baggage: ["a=b"] }) }],
    ["progress", { _meta: meta({ progressToken: 1 }) }],
    ["logging", { _meta: meta({ "io.modelcontextprotocol/logLevel": "debug" }) }],
    ["an extension's member of _meta", { _meta: meta({ "com.example/tenant": "a" }) }],
    ["a member of _meta in another case", { _meta: meta({ Traceparent: "x" }) }],
    ["__proto__ in _meta", { _meta: JSON.parse(JSON.stringify(meta()).replace("{", '{"__proto__":{"a":1},')) }],
    ["__proto__", JSON.parse(JSON.stringify({ _meta: meta() }).replace("{", '{"__proto__":{"a":1},'))],
    ["a filter", { _meta: meta(), filter: "x" }],
    ["a second round", { _meta: meta(), requestState: "x" }],
    ["answers for a second round", { _meta: meta(), inputResponses: {} }],
    ["a fraction", { _meta: meta({ [capabilities]: { a: 0.1 } }) }],
    ["an integer that parsers read differently", { _meta: meta({ [capabilities]: { a: 2 ** 53 } }) }],
    ["a number beyond all", { _meta: meta({ [capabilities]: JSON.parse('{"a":1e400}') }) }],
    ["a long cursor", { _meta: meta(), cursor: "x".repeat(4_096) }],
    ["long capabilities", { _meta: meta({ [capabilities]: { a: "x".repeat(4_096) } }) }],
    ["wide capabilities", { _meta: meta({ [capabilities]: { a: Array(257).fill(0) } }) }],
    ["deep capabilities", { _meta: meta({ [capabilities]: JSON.parse(`${'{"a":'.repeat(17)}1${"}".repeat(17)}`) }) }],
    [
      "endless capabilities",
      { _meta: meta({ [capabilities]: { a: JSON.parse(`${"[".repeat(5_000)}${"]".repeat(5_000)}`) } }) },
    ],
  ])("is not there for %s", (_case, params) => {
    expect(key(params)).toBeUndefined();
  });

  it("is at most 4,096 characters", () => {
    const room = 4_096 - (key({ _meta: meta(), cursor: "" })?.length ?? 0);
    expect(key({ _meta: meta(), cursor: "x".repeat(room) })).toHaveLength(4_096);
    expect(key({ _meta: meta(), cursor: "x".repeat(room + 1) })).toBeUndefined();
  });

  it("tells two requests apart exactly when they say something else that counts", () => {
    const said = fc.record({
      method: fc.constantFrom(...listKinds.keys()),
      cursor: fc.option(fc.constantFrom("", "a", '","', "null", "[]"), { nil: null }),
      revision: fc.constantFrom("2026-07-28", "2027-01-01", ""),
      can: fc.dictionary(
        fc.constantFrom("a", "b", "__proto__", "1", '":'),
        fc.constantFrom<unknown>("", "a", "1", '"', null, true, 1, -1, {}, [], [1, "1"], { a: "b" }),
        { maxKeys: 3 },
      ),
      baggage: fc.option(fc.constantFrom("", "a=b"), { nil: null }),
    });
    interface Said {
      readonly method: string;
      readonly cursor: string | null;
      readonly revision: string;
      readonly can: object;
      readonly baggage: string | null;
    }
    const keyOf = ({ method, cursor, revision, can, baggage }: Said) =>
      cacheKey(method, {
        ...(cursor === null ? {} : { cursor }),
        _meta: { [version]: revision, [capabilities]: can, ...(baggage === null ? {} : { baggage }) },
      });
    const sense = (one: Said) =>
      JSON.stringify({ ...one, can: Object.entries(one.can).sort(([a], [b]) => (a < b ? -1 : 1)) });
    fc.assert(
      fc.property(said, said, (one, other) => {
        expect(keyOf(one)).toEqual(expect.any(String));
        // Two at random hardly ever agree; with one difference at most they often do.
        for (const two of [other, { ...one, can: other.can }, { ...one, cursor: other.cursor }])
          expect(keyOf(one) === keyOf(two)).toBe(sense(one) === sense(two));
        const reversed = Object.fromEntries(Object.entries(one.can).reverse());
        expect(keyOf({ ...one, can: reversed })).toBe(keyOf(one));
      }),
      { numRuns: 500 },
    );
  });
});
