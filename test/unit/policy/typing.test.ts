import { describe, expect, it } from "vitest";
import { compileCondition } from "../../../src/policy/condition/condition.ts";
import { factBits } from "../../../src/policy/facts.ts";

/** What is wrong with an expression: `offset: message`, and the hint behind it. */
function faultsIn(text: string): string[] {
  const compiled = compileCondition(text);
  return "outcomes" in compiled
    ? []
    : compiled.map(({ offset, message, hint }) => `${offset}: ${message}${hint ? ` (${hint})` : ""}`);
}

/** A value of each type. */
const values = {
  bool: "true",
  int: "1",
  uint: "1u",
  double: "1.0",
  string: "'x'",
  bytes: "b'x'",
  null: "null",
  timestamp: "now",
  duration: "duration('1h')",
  list: "[1]",
  map: "{'a': 1}",
  type: "int",
  dyn: "jwt.x",
} as const;
type Name = keyof typeof values;
const names = Object.keys(values) as Name[];
const numbers: Name[] = ["int", "uint", "double"];

/** Pairs of types that an operator takes. */
const operators: Record<string, readonly (readonly [Name, Name])[]> = {
  "&&": [["bool", "bool"]],
  "||": [["bool", "bool"]],
  ...Object.fromEntries(
    ["<", "<=", ">", ">="].map((name) => [
      name,
      [
        ...numbers.flatMap((one) => numbers.map((other) => [one, other] as const)),
        ...(["string", "bool", "bytes", "timestamp", "duration"] as const).map((each) => [each, each] as const),
      ],
    ]),
  ),
  "+": [
    ...(["int", "uint", "double", "string", "bytes", "list", "duration"] as const).map((each) => [each, each] as const),
    ["timestamp", "duration"],
    ["duration", "timestamp"],
  ],
  "-": [
    ...(["int", "uint", "double", "duration"] as const).map((each) => [each, each] as const),
    ["timestamp", "timestamp"],
    ["timestamp", "duration"],
  ],
  "*": numbers.map((each) => [each, each] as const),
  "/": numbers.map((each) => [each, each] as const),
  "%": [
    ["int", "int"],
    ["uint", "uint"],
  ],
  in: [...names.map((each) => [each, "list"] as const), ...names.map((each) => [each, "map"] as const)],
};

describe.each(Object.entries(operators))("%s", (operator, pairs) => {
  it("takes the types that the specification says, and no others", () => {
    for (const one of names) {
      for (const other of names) {
        const isTaken = pairs.some(
          ([left, right]) =>
            [left, "dyn"].includes(one === "dyn" ? "dyn" : one) &&
            (one === left || one === "dyn") &&
            (other === right || other === "dyn"),
        );
        // Numbers of tokens are doubles, which is a mistake of its own beside a whole number.
        const isWhole =
          ["+", "-", "*", "/", "%"].includes(operator) && [one, other].includes("dyn") && [one, other].includes("int");
        const faults = faultsIn(`dyn(${values[one]} ${operator} ${values[other]}) == null`);
        expect([one, operator, other, faults.length === 0]).toEqual([one, operator, other, isTaken && !isWhole]);
      }
    }
  });
});

/** Functions by the types that they take alone. */
const functions: Record<string, readonly Name[]> = {
  size: ["string", "bytes", "list", "map"],
  int: ["int", "uint", "double", "string", "timestamp"],
  uint: ["int", "uint", "double", "string"],
  double: ["int", "uint", "double", "string"],
  string: ["string", "int", "uint", "double", "bool", "bytes", "timestamp", "duration"],
  bytes: ["bytes", "string"],
  bool: ["bool", "string"],
  timestamp: ["timestamp", "string", "int"],
  duration: ["duration", "string"],
  type: names,
  dyn: names,
  "!": ["bool"],
  "-": ["int", "double"],
};

it.each(Object.entries(functions))("%s takes the types that the specification says, and no others", (name, taken) => {
  for (const each of names) {
    const faults = faultsIn(`dyn(${name}(${values[each]})) == null`);
    expect([each, faults.length === 0]).toEqual([each, taken.includes(each) || each === "dyn"]);
  }
});

describe("methods", () => {
  it.each([
    ["'::1'.inCidr('::/8')", true],
    ["jwt.x.inCidr('::1')", true],
    ["'::1'.inCidr(1)", false],
    ["1.inCidr('::1')", false],
    ["[1].inCidr('::1')", false],
    ["'::1'.inCidr()", false],
    ["inCidr('::1', '::1')", false],
    ...["contains", "startsWith", "endsWith", "matches"].flatMap(
      (name) =>
        [
          [`'a'.${name}('a')`, true],
          [`'a'.${name}(1)`, false],
          [`[1].${name}('a')`, false],
          [`'a'.${name}()`, false],
          [`${name}('a', 'a')`, false],
        ] as [string, boolean][],
    ),
    ...["getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear"].flatMap(
      (name) =>
        [
          [`now.${name}() == 1`, true],
          [`now.${name}('UTC') == 1`, true],
          [`now.${name}(1) == 1`, false],
          [`duration('1h').${name}() == 1`, false],
          [`'a'.${name}() == 1`, false],
        ] as [string, boolean][],
    ),
    ...["getHours", "getMinutes", "getSeconds", "getMilliseconds"].flatMap(
      (name) =>
        [
          [`now.${name}() == 1`, true],
          [`now.${name}('UTC') == 1`, true],
          [`duration('1h').${name}() == 1`, true],
          [`duration('1h').${name}('UTC') == 1`, false],
          [`now.${name}() == 'a'`, false],
        ] as [string, boolean][],
    ),
    ["'a'.size() == 1", true],
    ["size('a') == 1", true],
    ["size('a', 'b') == 1", false],
    ["'a'.int() == 1", false],
    ["'a'.string() == 'a'", false],
  ])("%s: %s", (text, isSound) => {
    expect(faultsIn(text).length === 0).toBe(isSound);
  });
});

describe("what is found wrong, and where", () => {
  it.each<[string, string[]]>([
    ["", ["0: the expression cannot be read from here on"]],
    ["true &&", ["5: the expression cannot be read from here on (something is missing after &&)"]],
    ["true tru", ["5: the expression cannot be read from here on (an operator is missing before this)"]],
    ["'abc", ["0: the expression cannot be read from here on (this quote is never closed)"]],
    ["a == 1", ['0: there is nothing called "a" (known: jwt, identity, mcp, server, peer, now)']],
    ["jwt.a == 1 && jtw.b == 2", ['14: there is nothing called "jtw" (did you mean "jwt"?)']],
    ["constructor == 1", ['0: there is nothing called "constructor" (known: jwt, identity, mcp, server, peer, now)']],
    ["mcp.constructor == 1", ['3: there is no member "constructor" (known: method, tool, prompt, resource)']],
    ["identity.subjet == 'x'", ['8: there is no member "subjet" (did you mean "subject"?)']],
    ["mcp.tool.foo == 1", ['8: there is no member "foo" (known: name, arguments, annotations)']],
    ["mcp.tool == 1", ["3: this is no value of its own (name a member of it, such as .name)"]],
    ["identity", ["0: this is no value of its own (name a member of it, such as .issuer)"]],
    ["[identity] == []", ["1: this is no value of its own (name a member of it, such as .issuer)"]],
    ["identity.subject.size == 1", ["16: text has no members (write size(x))"]],
    ["identity.groups.first == 'x'", ["15: a list has no members"]],
    ["now.year == 1", ["3: a time has no members"]],
    ["1", ["0: this is a whole number; a condition must be true or false"]],
    ["1u", ["0: this is an unsigned number; a condition must be true or false"]],
    ["1.0", ["0: this is a number; a condition must be true or false"]],
    ["'x'", ["0: this is text; a condition must be true or false"]],
    ["b'x'", ["0: this is bytes; a condition must be true or false"]],
    ["null", ["0: this is null; a condition must be true or false"]],
    ["now", ["0: this is a time; a condition must be true or false"]],
    ["duration('1h')", ["0: this is a duration; a condition must be true or false"]],
    ["type(1)", ["0: this is a type; a condition must be true or false"]],
    ["[true]", ["0: this is a list; a condition must be true or false"]],
    ["{'a': true}", ["0: this is a map; a condition must be true or false"]],
    ["foo(1)", ['0: there is no function "foo"']],
    ["jwt.x.startswith('a')", ['5: there is no function "startswith" (did you mean "startsWith"?)']],
    ["Foo{a: 1} == null", ["0: messages cannot be made here"]],
    [
      "jwt.id == 9007199254740993",
      ["10: no number of a token or of arguments is as exact as this one (compare it as text)"],
    ],
    [
      "jwt.id == 9007199254740993u",
      ["10: no number of a token or of arguments is as exact as this one (compare it as text)"],
    ],
    ["1 == 'x'", ["2: a whole number and text are never equal"]],
    ["1 != 'x'", ["2: a whole number and text are never equal"]],
    ["identity.groups == 'x'", ["16: a list and text are never equal"]],
    ["[1] == {'a': 1}", ["4: a list and a map are never equal"]],
    ["now == duration('1h')", ["4: a time and a duration are never equal"]],
    ["'x' > 1", ['4: ">" does not take text and a whole number']],
    ["!1", ['0: "!" does not take a whole number']],
    ["-'x' == 1", ['0: "-" does not take text']],
    ["1 in 1", ['2: "in" does not take a whole number and a whole number']],
    ["size(1) == 1", ['0: "size" does not take a whole number']],
    ["1 ? true : true", ["0: this is a whole number, not true or false"]],
    ["(true ? 1 : 2) == 'x'", ["15: a whole number and text are never equal"]],
    ["jwt.x + 1 > 2.0", ["6: numbers of tokens and arguments are doubles (write 1.0 instead of 1, or int(…))"]],
    ["jwt.x % 2 == 0", ["6: numbers of tokens and arguments are doubles (write int(…))"]],
    ["identity.groups['a'] == 'x'", ["15: a list is indexed by whole numbers, not text"]],
    ["identity.subject[0] == 'x'", ["16: text has no elements"]],
    ["'a'.all(x, true)", ["0: text cannot be walked over"]],
    ["identity.groups.all(g, g > 1)", ['25: ">" does not take text and a whole number']],
    ["jwt.all(k, k > 1)", ['13: ">" does not take text and a whole number']],
    ["[1].map(x, x + 'a') == []", ['13: "+" does not take a whole number and text']],
    ["{'a': b}.a == 1", ['6: there is nothing called "b" (known: jwt, identity, mcp, server, peer, now)']],
    ["{a: 1}.a == 1", ['1: there is nothing called "a" (known: jwt, identity, mcp, server, peer, now)']],
    ["jwt.x.matches('(')", ["14: no regular expression: error parsing regexp: missing closing ): `(`"]],
    ["jwt.x.matches(jwt.y)", ["17: the pattern of matches must stand here as text"]],
    ...[
      "",
      "10.0.0.1/8",
      "10.0.0.0/33",
      "010.0.0.0/8",
      "10.0.0.0/08",
      "10.0.0.0/",
      "10.",
      "::ffff:10.0.0.0/104",
      "x",
    ].map((block): [string, string[]] => [
      `peer.ip.inCidr('${block}')`,
      ["15: no block of addresses such as 10.0.0.0/8 or ::1/128, with no bits set after the prefix"],
    ]),
    ["peer.ip.inCidr(jwt.net)", ["18: the block of inCidr must stand here as text"]],
    ["peer.ip.incidr('::1')", ['7: there is no function "incidr" (did you mean "inCidr"?)']],
    [
      "jwt.x.matches(1)",
      ["14: the pattern of matches must stand here as text", '5: "matches" does not take anything and a whole number'],
    ],
    ["arguments.a == 1", ['0: there is nothing called "arguments" (write mcp.tool.arguments or mcp.prompt.arguments)']],
    ["mcp.arguments.a == 1", ['3: there is no member "arguments" (write mcp.tool.arguments or mcp.prompt.arguments)']],
    ["'a' in groups", ['7: there is nothing called "groups" (write identity.groups)']],
    ["identity.groups.length > 1", ["15: a list has no members (CEL writes size(x) for length)"]],
    [
      "jwt.x.includes('a')",
      ['5: there is no function "includes" (CEL writes y in x of a list, or x.contains(y) of text, for includes)'],
    ],
    [
      "jwt.x.toLowerCase() == 'a'",
      ['5: there is no function "toLowerCase" (CEL writes x.matches("(?i)…") for toLowerCase)'],
    ],
    ["contains(jwt.x, 'a')", ['0: there is no function "contains" (write x.contains(y))']],
    ["getHours(now) > 1", ['0: there is no function "getHours" (write x.getHours())']],
    ["jwt.x.string() == 'a'", ['5: there is no function "string" (write string(x))']],
    ["has(jwt['x'])", ['0: there is no function "has" (write has(x.y))']],
    ["jwt.x.exists(1 == 1)", ['5: there is no function "exists" (write x.exists(y, …))']],
    ["jwt.x.every(1 == 1)", ['5: there is no function "every" (CEL writes x.all(y, …) for every)']],
    ["jwt.x.exsts(1 == 1)", ['5: there is no function "exsts" (did you mean "exists"?)']],
    [`${"(".repeat(33)}true${")".repeat(33)}`, ["32: brackets are nested deeper than 32"]],
    [`${"[".repeat(33)}${"]".repeat(33)} == []`, ["32: brackets are nested deeper than 32"]],
    [`jwt${".a".repeat(1_000)}`, ["1745: this is nested too deeply"]],
    [`1${" + 1".repeat(300)} > 0`, ["690: this is nested too deeply"]],
    ["'👍' == identity.sbject", ['16: there is no member "sbject" (did you mean "subject"?)']],
  ])("%s", (text, faults) => {
    expect(faultsIn(text)).toEqual(faults);
  });

  it("is everything at once", () => {
    expect(faultsIn("a == 1 && identity.x == 2 || 'x' > 1")).toHaveLength(3);
  });
});

describe("what is sound", () => {
  it.each([
    ["brackets one after the other", Array.from({ length: 40 }, () => "(true)").join(" && ")],
    ["brackets as deep as can be", `${"(".repeat(32)}true${")".repeat(32)}`],
    ["a long path", `jwt${".a".repeat(120)} == 1`],
    ["a long sum", `1${" + 1".repeat(120)} > 0`],
    ["many conditions in a row", Array.from({ length: 300 }, () => "true").join("&&")],
    ["numbers of several types compared", "1 == 1.0 && 1u == 1 && 1.0 < 2u"],
    ["null compared with anything", "null != 1 && 'x' != null && identity.groups != null && null == null"],
    ["lists and maps compared", "[1] == ['a'] && {'a': 1} != {'b': 'c'} && identity.groups == []"],
    ["types", "type(jwt.x) == string && type(1) != list && type(null) == null_type"],
    ["a claim that is a condition", "jwt.vip"],
    ["an element that is a condition", "jwt['vip'] || jwt.list[0] || [true][0] || {'a': true}['a']"],
    ["a choice of different types", "(jwt.x ? 1 : 'x') == 'x'"],
    ["a choice that is a condition", "jwt.x ? jwt.y : false"],
    ["a list of different types", "[1, 'x'][0] == 'x'"],
    ["a variable of a macro that hides another", "identity.groups.exists(now, now == 'x') && now > timestamp(0)"],
    ["macros within each other", "jwt.a.all(x, jwt.b.exists(y, x == y && jwt.c.filter(z, z == y).size() > 0))"],
    [
      "what a macro makes",
      "identity.groups.map(g, g.size())[0] == 1 && identity.groups.filter(g, g != 'x').size() == 1",
    ],
    ["a member of anything", "jwt.a.b.c[0].d == 'x'"],
    ["doubles beside what is not known", "jwt.x + 1.0 > 2.0 && jwt.x * jwt.y < 3 && int(jwt.x) + 1 > 2"],
    ["a comparison of the parts of a path", "mcp.tool.name == mcp.prompt.name || server.name == peer.ip"],
  ])("%s", (_case, text) => {
    expect(faultsIn(text)).toEqual([]);
  });
});

describe("what an expression reads", () => {
  it.each<[string, (keyof typeof factBits)[]]>([
    ["true", []],
    [
      "identity.subject == 'x' && identity.issuer == identity.via && identity.client == null && 'x' in identity.groups",
      [],
    ],
    ["server.name == 'x'", []],
    ["jwt.x == 1", ["claims"]],
    ["'x' in identity.scopes", ["claims"]],
    ["mcp.method == 'x'", ["method"]],
    ["mcp.tool.name == 'x'", ["toolName"]],
    ["mcp.tool.arguments.x == 1", ["toolArguments"]],
    ["has(mcp.tool.annotations.x)", ["annotations"]],
    ["mcp.prompt.name == 'x'", ["promptName"]],
    ["mcp.prompt.arguments.x == 1", ["promptArguments"]],
    ["mcp.resource.uri == 'x'", ["uri"]],
    ["peer.ip == 'x'", ["ip"]],
    ["now > timestamp(0)", ["now"]],
    ["['x'].exists(s, s == peer.ip) ? {'a': jwt.x}.a == 1 : [mcp.method] == []", ["ip", "claims", "method"]],
  ])("%s", (text, facts) => {
    const compiled = compileCondition(text);
    const sum = facts.reduce((bits, fact) => bits | factBits[fact], 0);
    expect(compiled).toMatchObject({ text, reads: sum });
  });
});
