import { describe, expect, test } from "vitest";
import {
  editElements,
  elementSpans,
  removeElements,
  removeMember,
  setMember,
  stringEnd,
  valueSpan,
} from "../../../src/mcp/splice.ts";

const path = ["result", "tools"];
const wrap = (list: string): string =>
  `{"jsonrpc":"2.0","id":9007199254740993,"result":{"tools":${list},"nextCursor":"\\u00e9\u00e9"}}`;

describe("elementSpans", () => {
  test("gives the source of each element", () => {
    const text = '{"result" : {"tools":[ 1e400 ,"a,]\\"", -0,{"x":[1,2]} ,[] ]}}';
    const sources = elementSpans(text, path)?.map(({ start, end }) => text.slice(start, end));
    expect(sources).toEqual(["1e400", '"a,]\\""', "-0", '{"x":[1,2]}', "[]"]);
  });

  test.each(["[]", "[ \n]"])("an empty array %j has none", (list) => {
    expect(elementSpans(wrap(list), path)).toEqual([]);
  });

  test.each([
    '{"result":{}}',
    '{"result":{"tools":{}}}',
    '{"result":{"tools":"[1]"}}',
    '{"result":[{"tools":[1]}]}',
    '{"tools":[1]}',
    '"[1]"',
    "{}",
  ])("%s has no such array", (text) => {
    expect(elementSpans(text, path)).toBeUndefined();
  });

  test("an empty path is the root", () => {
    expect(elementSpans(" [1, 2]", [])).toEqual([
      { start: 2, end: 3 },
      { start: 5, end: 6 },
    ]);
  });
});

describe("removeElements", () => {
  test.each([
    ["[1,2,3]", [true, true, true], "[1,2,3]"],
    ["[1,2,3]", [false, true, true], "[2,3]"],
    ["[1,2,3]", [true, false, true], "[1,3]"],
    ["[1,2,3]", [true, true, false], "[1,2]"],
    ["[1,2,3]", [false, true, false], "[2]"],
    ["[1,2,3]", [false, false, false], "[]"],
    ["[ 1 , 2 ,3 ]", [true, false, true], "[ 1 ,3 ]"],
    ["[\n  1,\n  2,\n  3\n]", [false, false, true], "[\n  3\n]"],
    ["[\n  1,\n  2\n]", [false, false], "[\n  \n]"],
    ['["","",""]', [false, true, true], '["",""]'],
    ["[]", [], "[]"],
    ['[1e400,-0,{"2":0,"1":0},{"__proto__":1.0}]', [true, true, true, false], '[1e400,-0,{"2":0,"1":0}]'],
  ])("%s with %j is %s", (list, keep, expected) => {
    expect(removeElements(wrap(list), path, keep)).toBe(wrap(expected));
  });

  test.each([
    ["too short", wrap("[1,2]"), [false]],
    ["too long", wrap("[1]"), [true, true]],
    ["for an array that is not there", '{"result":{}}', []],
    ["for no array", wrap('"x"'), []],
  ])("throws when keep is %s", (_, text, keep) => {
    expect(() => removeElements(text, path, keep)).toThrow(RangeError);
  });
});

describe("editElements", () => {
  const edits: Record<string, (source: string) => string | undefined> = {
    same: (source) => source,
    wrap: (source) => `[${source}]`,
    drop: () => undefined,
  };

  test.each([
    ["[ 1e400 , -0 ,3 ]", ["same", "same", "same"], "[ 1e400 , -0 ,3 ]"],
    ["[ 1e400 , -0 ,3 ]", ["wrap", "same", "wrap"], "[ [1e400] , -0 ,[3] ]"],
    ["[ 1e400 , -0 ,3 ]", ["drop", "wrap", "same"], "[ [-0] ,3 ]"],
    ["[ 1e400 , -0 ,3 ]", ["wrap", "drop", "drop"], "[ [1e400] ]"],
    ["[ 1e400 , -0 ,3 ]", ["drop", "drop", "drop"], "[  ]"],
    ["[ ]", [], "[ ]"],
  ])("%s with %j is %s", (list, values, expected) => {
    expect(editElements(wrap(list), path, values, (source, value) => edits[value]?.(source))).toBe(wrap(expected));
  });

  test.each([
    ["too few values", wrap("[1,2]"), ["same"]],
    ["too many values", wrap("[1]"), ["same", "same"]],
    ["an array that is not there", '{"result":{}}', []],
  ])("throws for %s", (_, text, values) => {
    expect(() => editElements(text, path, values, (source) => source)).toThrow(RangeError);
  });
});

describe("removeMember", () => {
  test.each([
    ["the first", '{"a":1 , "b":-0}', ["a"], '{"b":-0}'],
    ["one in between", '{"a":1e400, "b" : {"a":[1,2]} ,"c":-0}', ["b"], '{"a":1e400, "c":-0}'],
    ["the last", '{"a":1e400 , "b":2 }', ["b"], '{"a":1e400  }'],
    ["the only one", '{ "a":[1] }', ["a"], "{  }"],
    ["one inside", '{"r":{"a":"}","b":1},"a":1}', ["r", "a"], '{"r":{"b":1},"a":1}'],
    ["an escaped name", '{"\\u0061":1,"b":2}', ["a"], '{"b":2}'],
    ["__proto__ like any other", '{"a":1,"__proto__":{}}', ["__proto__"], '{"a":1}'],
    ["nothing where there is none", '{"a":{"b":1}}', ["b"], '{"a":{"b":1}}'],
    ["nothing without a parent", '{"a":1}', ["r", "a"], '{"a":1}'],
    ["nothing of an array", '{"r":[1]}', ["r", "0"], '{"r":[1]}'],
    ["nothing of a scalar", '{"r":"{}"}', ["r", "a"], '{"r":"{}"}'],
    ["nothing for the root", ' {"":1} ', [], ' {"":1} '],
  ])("removes %s", (_, text, at, expected) => {
    expect(removeMember(text, at)).toBe(expected);
  });
});

describe("setMember", () => {
  test.each([
    ["replaces a number", '{"id": 1.0 ,"x":-0}', ["id"], "7", '{"id": 7 ,"x":-0}'],
    ["replaces an object", '{"a":{"id":{"x":[1]}},"id":1}', ["a", "id"], "null", '{"a":{"id":null},"id":1}'],
    ["finds an escaped name", '{"\\u0069d":1}', ["id"], '"x"', '{"\\u0069d":"x"}'],
    ["adds to members", '{"r":{"2":0,"1":0 }}', ["r", "s"], '"private"', '{"r":{"2":0,"1":0 ,"s":"private"}}'],
    ["adds to an empty object", '{"r":{ }}', ["r", "s"], "1", '{"r":{ "s":1}}'],
    ["adds a name that needs escaping", "{}", ['a"\n'], "1", '{"a\\"\\n":1}'],
    ["adds __proto__ like any other", '{"a":1e400}', ["__proto__"], "{}", '{"a":1e400,"__proto__":{}}'],
    ["does nothing without a parent", '{"a":1}', ["r", "s"], "1", '{"a":1}'],
    ["does nothing in an array", '{"r":[1]}', ["r", "0"], "2", '{"r":[1]}'],
    ["does nothing in a scalar", '{"r":"{}"}', ["r", "s"], "1", '{"r":"{}"}'],
    ["replaces the root", " [1] ", [], "2", " 2 "],
  ])("%s", (_, text, at, json, expected) => {
    expect(setMember(text, at, json)).toBe(expected);
  });

  test("a replacement is taken as it is, dollar signs included", () => {
    expect(setMember('{"id":1}', ["id"], '"$&$\'"')).toBe('{"id":"$&$\'"}');
  });
});

test("valueSpan ignores names that are values, and values in other depths", () => {
  const text = '{"x":"id","y":{"id":1},"z":["id",2],"id":3}';
  expect(valueSpan(text, ["id"])).toEqual({ start: 41, end: 42 });
});

test.each([
  ['"a"', 3],
  ['"a\\"b" "', 6],
  ['"\\\\" "', 4],
  ['"\\\\\\""', 6],
  ['"', 1],
  ['"\\"', 3],
])("the string at the start of %s ends at %i", (text, end) => {
  expect(stringEnd(text, 0)).toBe(end);
});
