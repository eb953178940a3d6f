import { describe, expect, it } from "vitest";
import { checkMirrors, decodeMirror, encodeMirror, type Mirror, readMirrors } from "../../../src/mcp/mirrors.ts";

const region = { type: "string", "x-mcp-header": "Region" };
const schema = (properties: unknown, more: object = {}) => ({ type: "object", properties, ...more });
const encode = (text: string) => `=?base64?${Buffer.from(text).toString("base64")}?=`;
/** As it comes off the wire, where `__proto__` is a member like any other. */
const json = (text: string): unknown => JSON.parse(text);

/** `{ properties: { p: { properties: { p: … inner } } } }`, so that `inner` stands at a path of `depth` names. */
function nest(depth: number, inner: object): object {
  let nested: object = inner;
  for (let level = 0; level < depth; level += 1) nested = { type: "object", properties: { p: nested } };
  return nested;
}

describe("readMirrors", () => {
  it.each<[string, unknown, readonly Mirror[]]>([
    ["no annotation", schema({ a: { type: "string" } }), []],
    ["no properties", { type: "object" }, []],
    [
      "every type that may be mirrored",
      schema({
        region,
        count: { type: "integer", "x-mcp-header": "count" },
        dry: { type: "boolean", "x-mcp-header": "DRY-run" },
      }),
      [
        { header: "mcp-param-region", path: ["region"], type: "string" },
        { header: "mcp-param-count", path: ["count"], type: "integer" },
        { header: "mcp-param-dry-run", path: ["dry"], type: "boolean" },
      ],
    ],
    [
      "outer before inner ones",
      schema({ a: schema({ b: schema({ c: region }) }), z: { type: "string", "x-mcp-header": "Z" } }),
      [
        { header: "mcp-param-z", path: ["z"], type: "string" },
        { header: "mcp-param-region", path: ["a", "b", "c"], type: "string" },
      ],
    ],
    [
      "every character of a token",
      schema({ a: { type: "string", "x-mcp-header": "!#$%&'*+-.^_`|~09AZaz" } }),
      [{ header: "mcp-param-!#$%&'*+-.^_`|~09azaz", path: ["a"], type: "string" }],
    ],
    [
      "a name that is also a standard header's",
      schema({ a: { type: "string", "x-mcp-header": "Method" } }),
      [{ header: "mcp-param-method", path: ["a"], type: "string" }],
    ],
    ["a parameter called x-mcp-header", schema({ "x-mcp-header": { type: "string" } }), []],
    ["a definition called x-mcp-header", schema({}, { $defs: { "x-mcp-header": { type: "string" } } }), []],
    ["a dependency of x-mcp-header", schema({}, { dependentRequired: { "x-mcp-header": ["a"] } }), []],
    [
      "instances that look like annotated schemas",
      schema({
        const: region,
        a: { type: "object", default: region, const: region, enum: [region], examples: [region] },
      }),
      [{ header: "mcp-param-region", path: ["const"], type: "string" }],
    ],
    [
      "parameters named like prototypes",
      json(
        '{"properties":{"__proto__":{"type":"string","x-mcp-header":"P"},"constructor":{"type":"string","x-mcp-header":"C"}}}',
      ),
      [
        { header: "mcp-param-p", path: ["__proto__"], type: "string" },
        { header: "mcp-param-c", path: ["constructor"], type: "string" },
      ],
    ],
    [
      "a parameter beside a reference",
      schema({ a: { ...region, $ref: "#/$defs/A" } }, { $defs: { A: { type: "string" } } }),
      [{ header: "mcp-param-region", path: ["a"], type: "string" }],
    ],
    ["schemas that are true and false", schema({ a: true, b: false, c: null }), []],
    [
      "the deepest that is looked at",
      nest(32, region),
      [{ header: "mcp-param-region", path: Array(32).fill("p"), type: "string" }],
    ],
  ])("reads %s", (_case, inputSchema, mirrors) => {
    expect(readMirrors(inputSchema)).toEqual(mirrors);
  });

  const annotated = (name: unknown, type: unknown = "string") => schema({ a: { type, "x-mcp-header": name } });

  it.each<[string, unknown]>([
    ["no object", "schema"],
    ["nothing", undefined],
    ["an array", [region]],
    ["an empty name", annotated("")],
    ["a space", annotated("My Region")],
    ["a colon", annotated("Region:Primary")],
    ["a comma", annotated("a,b")],
    ["a line feed at the end", annotated("Region\n")],
    ["a header injected", annotated("A\r\nAuthorization")],
    ["a tab", annotated("Region\t1")],
    ["a letter beyond ASCII", annotated("R\u00e9gion")],
    ["a name that is no string", annotated(1)],
    ["a name that is null", annotated(null)],
    ["a name that is a list", annotated(["Region"])],
    ["a number", annotated("A", "number")],
    ["an object", annotated("A", "object")],
    ["an array", annotated("A", "array")],
    ["null", annotated("A", "null")],
    ["several types", annotated("A", ["string", "null"])],
    ["no type", schema({ a: { "x-mcp-header": "A" } })],
    ["the same name twice", schema({ a: region, b: region })],
    ["the same name in another case", schema({ a: region, b: schema({ c: { ...region, "x-mcp-header": "REGION" } }) })],
    ["the root", { ...schema({}), "x-mcp-header": "Root", type: "string" }],
    ["one good and one bad", schema({ region, b: { type: "number", "x-mcp-header": "B" } })],
    ["items", schema({ a: { type: "array", items: region } })],
    ["items that have properties", schema({ a: { type: "array", items: schema({ b: region }) } })],
    ["prefixItems", schema({ a: { type: "array", prefixItems: [region] } })],
    ["contains", schema({ a: { type: "array", contains: region } })],
    ["oneOf", schema({ a: { oneOf: [{ type: "null" }, region] } })],
    ["anyOf", schema({ a: { anyOf: [region] } })],
    ["allOf at the root", schema({}, { allOf: [schema({ a: region })] })],
    ["not", schema({ a: { not: region } })],
    ["if", schema({}, { if: schema({ a: region }) })],
    ["then", json(JSON.stringify({ if: schema({ a: region }) }).replace("if", "then"))],
    ["else", schema({}, { else: schema({ a: region }) })],
    ["$defs", schema({ a: { $ref: "#/$defs/R" } }, { $defs: { R: region } })],
    ["definitions", schema({ a: { $ref: "#/definitions/R" } }, { definitions: { R: region } })],
    ["a keyword nobody knows", schema({ a: { $ref: "#/x-shared/deep/0/0" } }, { "x-shared": { deep: [[region]] } })],
    ["additionalProperties", schema({}, { additionalProperties: region })],
    ["unevaluatedProperties", schema({}, { unevaluatedProperties: region })],
    ["propertyNames", schema({}, { propertyNames: region })],
    ["patternProperties", schema({}, { patternProperties: { "^a": region } })],
    ["dependentSchemas", schema({}, { dependentSchemas: { a: schema({ b: region }) } })],
    ["dependencies", schema({}, { dependencies: { a: schema({ b: region }) } })],
    ["properties that are a list", schema([region])],
    ["a $ref with a schema in it", schema({ a: { $ref: region } })],
    ["too deep", nest(33, region)],
    [
      "too many",
      schema(
        Object.fromEntries(
          Array.from({ length: 65 }, (_, i) => [`a${i}`, { type: "string", "x-mcp-header": `A${i}` }]),
        ),
      ),
    ],
  ])("finds the definition invalid: %s", (_case, inputSchema) => {
    expect(readMirrors(inputSchema)).toBeUndefined();
  });

  it("takes no type from a prototype", () => {
    const inherited = Object.assign(Object.create({ type: "string" }), { "x-mcp-header": "A" });
    expect(readMirrors(schema({ a: inherited }))).toBeUndefined();
  });

  it("holds as many as 64", () => {
    const names = Array.from({ length: 64 }, (_, i) => `a${i}`);
    const properties = Object.fromEntries(names.map((name) => [name, { type: "string", "x-mcp-header": name }]));
    expect(readMirrors(schema(properties))).toHaveLength(64);
  });

  it("reads a schema far deeper than any stack", () => {
    expect(readMirrors(nest(200_000, {}))).toBeUndefined();
    expect(readMirrors(nest(50_000, region))).toBeUndefined();
    let lists: unknown[] = [];
    for (let level = 0; level < 50_000; level += 1) lists = [lists];
    expect(readMirrors(schema({ a: region }, { allOf: lists }))).toHaveLength(1);
  });

  it("gives up on a schema with more parts than a constant", () => {
    const many = Object.fromEntries(Array.from({ length: 100_001 }, (_, i) => [`a${i}`, {}]));
    expect(readMirrors(schema({ region, ...many }))).toBeUndefined();
  });
});

describe("checkMirrors", () => {
  const mirrors: readonly Mirror[] = [
    { header: "mcp-param-region", path: ["region"], type: "string" },
    { header: "mcp-param-count", path: ["count"], type: "integer" },
    { header: "mcp-param-dry", path: ["options", "dry"], type: "boolean" },
  ];
  const check = (args: unknown, headers: Record<string, string>) =>
    checkMirrors(mirrors, args, new Map(Object.entries(headers)));

  it.each<[string, unknown, Record<string, string>]>([
    ["nothing mirrored", { other: 1 }, { "mcp-param-other": "2" }],
    ["no arguments", undefined, {}],
    ["arguments that are no object", ["region"], {}],
    [
      "all of them",
      { region: "eu", count: -7, options: { dry: true } },
      { "mcp-param-region": "eu", "mcp-param-count": "-7", "mcp-param-dry": "true" },
    ],
    ["null", { region: null, options: null }, {}],
    ["false", { options: { dry: false } }, { "mcp-param-dry": "false" }],
    ["zero", { count: 0 }, { "mcp-param-count": "0" }],
    ["a text in base64", { region: "Hello, \u4e16\u754c" }, { "mcp-param-region": encode("Hello, \u4e16\u754c") }],
    ["plain text in base64", { region: "eu" }, { "mcp-param-region": encode("eu") }],
    ["an integer in base64", { count: 42 }, { "mcp-param-count": encode("42") }],
    ["an empty text", { region: "" }, { "mcp-param-region": "" }],
    ["an empty text in base64", { region: "" }, { "mcp-param-region": "=?base64??=" }],
    ["a text that looks like base64", { region: encode("eu") }, { "mcp-param-region": encode(encode("eu")) }],
    ["a text with half a sentinel", { region: "=?base64?ZXU=" }, { "mcp-param-region": "=?base64?ZXU=" }],
    ["a sentinel in capitals", { region: "=?BASE64?ZXU=?=" }, { "mcp-param-region": "=?BASE64?ZXU=?=" }],
    ["42.0 for 42", { count: 42 }, { "mcp-param-count": "42.0" }],
    ["the largest integer", { count: 2 ** 53 - 1 }, { "mcp-param-count": "9007199254740991" }],
    ["the smallest integer", { count: 1 - 2 ** 53 }, { "mcp-param-count": "-9007199254740991.00" }],
    ["a text where an integer belongs", { count: "seven" }, { "mcp-param-count": "seven" }],
    ["an integer where a text belongs", { region: 42 }, { "mcp-param-region": "42" }],
    ["a list where a text belongs", { region: ["eu"] }, {}],
    ["an object where a text belongs", { region: { eu: 1 } }, {}],
    ["a number no header can carry", { count: 2 ** 53 }, {}],
    ["a number beyond all", json('{"count":1e400}'), {}],
    ["a list on the way", { options: [{ dry: true }] }, {}],
  ])("lets pass: %s", (_case, args, headers) => {
    expect(check(args, headers)).toBeUndefined();
  });

  it.each<[string, string, unknown, Record<string, string>]>([
    ["a header that is missing", "region", { region: "eu" }, {}],
    ["a header that is missing for an empty text", "region", { region: "" }, {}],
    ["a header that is missing for false", "dry", { options: { dry: false } }, {}],
    ["a header that is missing for zero", "count", { count: 0 }, {}],
    ["a header that is missing for another type", "count", { count: "42" }, {}],
    ["a header without its parameter", "region", {}, { "mcp-param-region": "eu" }],
    ["a header without arguments", "region", undefined, { "mcp-param-region": "eu" }],
    ["an empty header without its parameter", "region", {}, { "mcp-param-region": "" }],
    ["a header beside null", "region", { region: null }, { "mcp-param-region": "null" }],
    ["another text", "region", { region: "eu" }, { "mcp-param-region": "us" }],
    ["another case", "region", { region: "eu" }, { "mcp-param-region": "EU" }],
    ["white space", "region", { region: "eu" }, { "mcp-param-region": "eu " }],
    ["another integer", "count", { count: 42 }, { "mcp-param-count": "43" }],
    ["hexadecimal", "count", { count: 42 }, { "mcp-param-count": "0x2a" }],
    ["an exponent", "count", { count: 42 }, { "mcp-param-count": "4.2e1" }],
    ["a leading zero", "count", { count: 42 }, { "mcp-param-count": "042" }],
    ["a plus sign", "count", { count: 42 }, { "mcp-param-count": "+42" }],
    ["a point and nothing after it", "count", { count: 42 }, { "mcp-param-count": "42." }],
    ["an integer with white space", "count", { count: 42 }, { "mcp-param-count": " 42" }],
    ["an integer with a line feed", "count", { count: 42 }, { "mcp-param-count": encode("42\n") }],
    ["no digits", "count", { count: 0 }, { "mcp-param-count": "" }],
    ["digits of another script", "count", { count: 42 }, { "mcp-param-count": encode("\u0664\u0662") }],
    ["42 to doubles alone", "count", { count: 42 }, { "mcp-param-count": "41.99999999999999999999" }],
    ["42 and a bit", "count", { count: 42 }, { "mcp-param-count": "42.00000000000000000001" }],
    ["an unsafe integer", "count", { count: 2 ** 53 }, { "mcp-param-count": "9007199254740992" }],
    ["an integer that rounds", "count", json('{"count":9007199254740993}'), { "mcp-param-count": "9007199254740993" }],
    ["42.0 for the text 42", "count", { count: "42" }, { "mcp-param-count": "42.0" }],
    ["42.0 where a text belongs", "region", { region: 42 }, { "mcp-param-region": "42.0" }],
    ["True", "dry", { options: { dry: true } }, { "mcp-param-dry": "True" }],
    ["1 for true", "dry", { options: { dry: true } }, { "mcp-param-dry": "1" }],
    ["false for true", "dry", { options: { dry: true } }, { "mcp-param-dry": "false" }],
    ["a header for a list", "region", { region: ["eu"] }, { "mcp-param-region": "eu" }],
    ["a header for an object", "region", { region: {} }, { "mcp-param-region": "[object Object]" }],
    ["a header for a list on the way", "dry", { options: [{ dry: true }] }, { "mcp-param-dry": "true" }],
    ["sloppy base64", "region", { region: "Hello" }, { "mcp-param-region": "=?base64?SGVsbG8?=" }],
    ["bytes beyond ASCII", "region", { region: "\u00e9" }, { "mcp-param-region": "\u00e9" }],
    ["the sentinel taken for a text", "region", { region: encode("eu") }, { "mcp-param-region": encode("eu") }],
    [
      "the first of two",
      "count",
      { region: "eu", count: 1 },
      { "mcp-param-region": "eu", "mcp-param-count": "2", "mcp-param-dry": "true" },
    ],
  ])("refuses %s", (_case, name, args, headers) => {
    expect(check(args, headers)).toBe(`mcp-param-${name}`);
  });

  it("finds own members of objects only", () => {
    const inherited = Object.create({ region: "eu" });
    expect(check(inherited, {})).toBeUndefined();
    expect(check(inherited, { "mcp-param-region": "eu" })).toBe("mcp-param-region");
    const inList: readonly Mirror[] = [{ header: "mcp-param-a", path: ["list", "0"], type: "string" }];
    expect(checkMirrors(inList, { list: ["x"] }, new Map())).toBeUndefined();
    expect(checkMirrors(inList, { list: ["x"] }, new Map([["mcp-param-a", "x"]]))).toBe("mcp-param-a");
  });

  it.each(["__proto__", "constructor", "toString", "hasOwnProperty"])("takes %s for a name", (name) => {
    const named: readonly Mirror[] = [
      { header: "mcp-param-a", path: [name], type: "string" },
      { header: "mcp-param-b", path: [name, "name"], type: "string" },
    ];
    expect(checkMirrors(named, {}, new Map())).toBeUndefined();
    expect(checkMirrors(named, json(`{"${name}":"x"}`), new Map([["mcp-param-a", "x"]]))).toBeUndefined();
    expect(checkMirrors(named, {}, new Map([["mcp-param-b", "Object"]]))).toBe("mcp-param-b");
    expect(checkMirrors(named, json(`{"${name}":{"name":"y"}}`), new Map([["mcp-param-b", "y"]]))).toBeUndefined();
  });
});

describe("decodeMirror", () => {
  it.each([
    ["us-west1", "us-west1"],
    ["", ""],
    ["a\tb c", "a\tb c"],
    ["=?base64?SGVsbG8sIOS4lueVjA==?=", "Hello, \u4e16\u754c"],
    ["=?base64?IHBhZGRlZCA=?=", " padded "],
    ["=?base64?bGluZTEKbGluZTI=?=", "line1\nline2"],
    ["=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=", "=?base64?literal?="],
    ["=?base64?77u/YQ==?=", "\ufeffa"],
    ["=?base64??=", ""],
    ["SGVsbG8=", "SGVsbG8="],
    ["=?base64?SGVsbG8=", "=?base64?SGVsbG8="],
    ["=?Base64?SGVsbG8=?=", "=?Base64?SGVsbG8=?="],
    [" =?base64?SGVsbG8=?=", " =?base64?SGVsbG8=?="],
  ])("%j stands for %j", (value, text) => {
    expect(decodeMirror(value)).toBe(text);
  });

  it.each([
    ["base64 without padding", "=?base64?SGVsbG8?="],
    ["too much padding", "=?base64?SGVsbG8==?="],
    ["bits that are not zero", "=?base64?SGVsbG9=?="],
    ["characters of no alphabet", "=?base64?SGVs!!!bG8=?="],
    ["the alphabet of URLs", "=?base64?-_-_?="],
    ["white space", "=?base64?SGVs bG8=?="],
    ["a second sentinel", "=?base64?SGVsbG8=?==?base64?SGVsbG8=?="],
    ["no UTF-8", "=?base64?/w==?="],
    ["an overlong form", "=?base64?wIA=?="],
    ["a surrogate", "=?base64?7aCA?="],
    ["start and end in one", "=?base64?="],
    ["a byte beyond ASCII", "caf\u00e9"],
    ["a control character", "a\u0001"],
    ["delete", "a\u007f"],
    ["a line feed", "a\n"],
  ])("refuses %s", (_case, value) => {
    expect(decodeMirror(value)).toBeUndefined();
  });
});

describe("encodeMirror", () => {
  it.each([
    ["us-west1", "us-west1"],
    ["us west 1", "us west 1"],
    ["~", "~"],
    ["=?base64?SGVsbG8=", "=?base64?SGVsbG8="],
    ["a\tb", "=?base64?YQli?="],
    ["Hello, \u4e16\u754c", "=?base64?SGVsbG8sIOS4lueVjA==?="],
    [" padded ", "=?base64?IHBhZGRlZCA=?="],
    ["us-west1 ", "=?base64?dXMtd2VzdDEg?="],
    ["line1\nline2", "=?base64?bGluZTEKbGluZTI=?="],
    ["\tindented", "=?base64?CWluZGVudGVk?="],
    ["=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="],
    ["=?base64?=", "=?base64?PT9iYXNlNjQ/PQ==?="],
    ["eu\r\nauthorization: x", "=?base64?ZXUNCmF1dGhvcml6YXRpb246IHg=?="],
    ["", "=?base64??="],
  ])("%j is sent as %j", (text, value) => {
    expect(encodeMirror(text)).toBe(value);
  });
});
