import { describe, expect, test } from "vitest";
import { findKeyTwin, isPlainId, JsonFault, memberText, readJson } from "../../../src/mcp/json.ts";

const limits = { maxDepth: 4, loneSurrogates: "refuse" } as const;

function faultOf(input: string | Uint8Array, given: Parameters<typeof readJson>[1] = limits): JsonFault {
  try {
    readJson(typeof input === "string" ? Buffer.from(input) : input, given);
  } catch (error) {
    if (error instanceof JsonFault) return error;
    throw error;
  }
  throw new Error("was read");
}

describe("readJson", () => {
  test("gives the text and its value", () => {
    expect(readJson(Buffer.from(' {"a":[1,"\u00e9"]}\n'), limits)).toEqual({
      text: ' {"a":[1,"\u00e9"]}\n',
      value: { a: [1, "\u00e9"] },
    });
  });

  test("reads a view into a larger buffer", () => {
    const bytes = Buffer.from('xx{"a":1}xx');
    expect(readJson(new Uint8Array(bytes.buffer, bytes.byteOffset + 2, 7), limits).value).toEqual({ a: 1 });
  });

  test.each([
    ["a byte that starts nothing", [0x22, 0xff, 0x22]],
    ["a sequence cut short", [0x22, 0xe2, 0x82, 0x22]],
    ["an overlong slash", [0x22, 0xc0, 0xaf, 0x22]],
    ["a surrogate as UTF-8", [0x22, 0xed, 0xa0, 0x80, 0x22]],
    ["UTF-16", [0xff, 0xfe, 0x31, 0x00]],
  ])("refuses %s as utf8", (_, bytes) => {
    expect(faultOf(Uint8Array.from(bytes)).kind).toBe("utf8");
  });

  test.each([
    "",
    " ",
    "nul",
    "01",
    "+1",
    "1.",
    ".5",
    "NaN",
    "Infinity",
    "0x1",
    "'a'",
    '"a',
    '"\\',
    '"\\u12"',
    '"\\x41"',
    '"\t"',
    "[1,]",
    "[,1]",
    '{"a":1,}',
    "{a:1}",
    '{"a"}',
    '{"a":1 "b":2}',
    "[1]]",
    "[1] 2",
    "}{",
    "]]]",
    "1//",
    "/**/1",
    "\u00a01",
    "\u2028[]",
    '{"a":1}\0',
    '{"a"::1}',
    '{:"a"}',
    "[:]",
  ])("refuses %j as syntax", (text) => {
    expect(faultOf(text).kind).toBe("syntax");
  });

  test("refuses a byte order mark", () => {
    expect(faultOf("\ufeff{}")).toMatchObject({ kind: "syntax", at: 0 });
  });

  test.each([
    '{"name":1,"name":1}',
    '{"name":"drop","n\\u0061me":"list"}',
    '{"n\\u0061me":1,"n\\u0061m\\u0065":2}',
    '{"\\/":1,"/":2}',
    '{"\u00e9":1,"\\u00E9":2}',
    '{"\u{1f511}":1,"\\ud83d\\uDD11":2}',
    '{"":1,"":2}',
    '{"1":1,"\\u0031":2}',
    '{"__proto__":1,"__proto__":2}',
    '{"__proto__":null,"_\\u005fproto__":{}}',
    '[0,{"a":{"b":1,"c":[],"b":2}}]',
    '{"a":":","b":"\\":","b":0}',
    '{"toString":1,"toString":2}',
  ])("refuses %s as duplicate_key", (text) => {
    expect(faultOf(text).kind).toBe("duplicate_key");
  });

  test.each([
    '{"a":{"a":{"a":1}}}',
    '[{"a":1},{"a":2}]',
    '[[],{},[],{},[],{"a":[]}]',
    '{"a":1,"A":2,"a ":3}',
    '{"\u00e9":1,"e\u0301":2}',
    '{"1":1,"01":2,"1.0":3}',
    '{"a":"\\"a\\":1,\\"a\\":2","b":"{\\"b\\":1}"}',
    '{"\\\\":1,"\\"":2,":":3}',
    '{"constructor":1,"toString":2,"hasOwnProperty":3}',
  ])("accepts %s", (text) => {
    expect(readJson(Buffer.from(text), limits).value).toEqual(JSON.parse(text));
  });

  test("leaves __proto__ an own member that changes no prototype", () => {
    const value = readJson(Buffer.from('{"__proto__":{"admin":true}}'), limits).value as Record<string, unknown>;
    expect(Object.keys(value)).toEqual(["__proto__"]);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(value.admin).toBeUndefined();
  });

  test("accepts nesting up to the limit and names the place where it goes deeper", () => {
    expect(readJson(Buffer.from('[[[{"a":"[[["}]]]'), limits).value).toEqual([[[{ a: "[[[" }]]]);
    expect(faultOf('[[[{"a":[]}]]]')).toMatchObject({ kind: "depth", at: 8 });
  });

  test("depth is bounded before the grammar is known, so deep input ends early", () => {
    expect(faultOf("[".repeat(5_000_000))).toMatchObject({ kind: "depth", at: 4 });
    expect(faultOf('{"a":'.repeat(1_000_000)).kind).toBe("depth");
  });

  test.each([
    ['"\\ud83d"', 1],
    ['"a\\uDC11"', 2],
    ['"\\ud83d\\ud83d\\udd11"', 1],
    ['"\\ud83d\\\\udd11"', 1],
    ['"\\ud83d\u{1f511}"', 1],
    ['"\\ud83dx"', 1],
    ['{"\\udfff":1}', 2],
    ['"\\\\\\ud800"', 3],
    ['"\\ud83d\\udd11\\udd11"', 13],
  ])("refuses %s as lone_surrogate, or passes it where asked to", (text, at) => {
    expect(faultOf(text)).toMatchObject({ kind: "lone_surrogate", at });
    expect(readJson(Buffer.from(text), { ...limits, loneSurrogates: "pass" }).value).toEqual(JSON.parse(text));
  });

  test.each(['"\\ud83d\\udd11"', '"\\\\ud800"', '"\\\\\\\\uD800"', '"\\ud7ff\\ue000"', '"\u{1f511}\\n\\u0041"'])(
    "accepts %s",
    (text) => {
      expect(readJson(Buffer.from(text), limits).value).toBe(JSON.parse(text));
    },
  );

  test("a fault says nothing of what was read", () => {
    for (const text of ['{"secret":hunter2}', '{"hunter2":1,"hunter2":2}', '[[[[["hunter2"]]]]]', '"hunter2\\ud800"']) {
      const fault = faultOf(text);
      expect(`${fault.message}${fault.stack}${JSON.stringify(fault)}${String(fault.cause)}`).not.toContain("hunter2");
    }
  });
});

describe("ids", () => {
  test.each(["1", "0", "-1", "9007199254740991", "-9007199254740991", '"a"', '"1.0"', '"\\u0061"', '"\u00e9"'])(
    "%s is plain",
    (source) => {
      expect(isPlainId(JSON.parse(source), source)).toBe(true);
    },
  );

  test.each([
    "1.0",
    "1e0",
    "1E2",
    "-0",
    "0.5",
    "9007199254740993",
    "9007199254740992",
    "-9007199254740993",
    "1e400",
    "null",
    "true",
    "[]",
    "{}",
    '""',
    '"\\ud800"',
    JSON.stringify("x".repeat(257)),
  ])("%s is not", (source) => {
    expect(isPlainId(JSON.parse(source), source)).toBe(false);
  });

  test("the source of the id is found among members that look like it", () => {
    expect(memberText('{ "params":{"id":1.0,"x":"\\"id\\":2"} , "\\u0069d" : 1e0 }', "id")).toBe("1e0");
    expect(memberText('{"id":[1, {"id":2}] ,"x":3}', "id")).toBe('[1, {"id":2}]');
    expect(memberText('{"id":-0}', "id")).toBe("-0");
    expect(memberText('{"ID":1}', "id")).toBeUndefined();
    expect(memberText("{}", "id")).toBeUndefined();
    expect(memberText('["id",1]', "id")).toBeUndefined();
  });
});

describe("findKeyTwin", () => {
  const names = new Set([
    "name",
    "task",
    "uri",
    "_meta",
    "protocolVersion",
    "resourceSubscriptions",
    "io.modelcontextprotocol/x",
  ]);

  test.each([
    ["upper case", "NAME"],
    ["mixed case", "Name"],
    ["lower case of camelCase", "protocolversion"],
    ["snake_case", "protocol_version"],
    ["another snake_case", "resource_subscriptions"],
    ["a missing underscore", "meta"],
    ["kebab-case", "protocol-version"],
    ["upper case in a prefix", "io.ModelContextProtocol/x"],
    ["long s", "ta\u017fk"],
    ["Kelvin sign", "tas\u212a"],
    ["dotless i", "ur\u0131"],
    ["dotted capital I", "UR\u0130"],
    ["full width", "\uff4eame"],
    ["mathematical letters", "\u{1d427}ame"],
    ["zero-width space", "na\u200bme"],
    ["soft hyphen", "na\u00adme"],
    ["word joiner", "name\u2060"],
    ["bidirectional mark", "\u200ename"],
    ["variation selector", "name\ufe0f"],
    ["Hangul filler", "name\u3164"],
    ["tag character", "name\u{e0061}"],
    ["byte order mark", "\ufeffname"],
    ["space around", " name "],
    ["no-break space", "name\u00a0"],
    ["tab", "\tname"],
    ["a control", "na\u0001me"],
    ["NUL at the end", "name\0"],
    ["text after a NUL", "name\0x"],
    ["a lone surrogate", "name\ud800"],
  ])("finds %s", (_, key) => {
    expect(findKeyTwin({ other: 1, [key]: 1 }, names)).toBe(key);
  });

  test.each([
    "name",
    "_meta",
    "protocolVersion",
    "names",
    "nam",
    "nome",
    "title",
    "x-name",
    "\u0438ame",
    "na.me",
    "",
    "constructor",
  ])("has nothing against %j", (key) => {
    expect(findKeyTwin({ [key]: 1 }, names)).toBeUndefined();
  });

  // Normalizing marks that combine takes the square of their number: minutes for these.
  test.each([
    ["combining marks", `a${"\u0316\u0301".repeat(100_000)}`],
    ["combining marks alone", "\u0316\u0301".repeat(100_000)],
    ["combining marks behind a name", `name${"\u0301\u0316".repeat(100_000)}`],
    ["combining marks behind a NUL", `name\0${"\u0316\u0301".repeat(100_000)}`],
    ["a character that grows eighteenfold", "\ufdfa".repeat(200_000)],
    ["one character beyond ASCII", `${"a".repeat(128)}\u00e9`],
    ["a control", `${"a".repeat(128)}\0`],
    ["marks out of order", "\u0344\u0323".repeat(65)],
  ])("takes a long name for a twin without reading it: %s", (_, key) => {
    expect(findKeyTwin({ name: 1, [key]: 1 }, names)).toBe(key);
  });

  test.each([
    ["plain ASCII, however long", "name".repeat(50_000)],
    ["128 units beyond ASCII", "\u00e9".repeat(128)],
  ])("has nothing against %s", (_, key) => {
    expect(findKeyTwin({ name: 1, [key]: 1 }, names)).toBeUndefined();
  });

  test("takes an array of names, and finds a twin beside its original", () => {
    expect(findKeyTwin({ name: "list", NAME: "drop" }, ["name"])).toBe("NAME");
    expect(findKeyTwin(JSON.parse('{"__proto__":1}'), ["__proto__"])).toBeUndefined();
    expect(findKeyTwin(JSON.parse('{"__PROTO__":1}'), ["__proto__"])).toBe("__PROTO__");
  });
});
