import { describe, expect, it } from "vitest";
import { evaluate } from "../../fixtures/condition.ts";

/** Conditions that are true where what stands in them is false, each with another place for it. */
const places: [string, (inner: string) => string][] = [
  ["an operand", (inner) => `dyn(${inner}) == false`],
  ["an argument", (inner) => `string(${inner}) == 'false'`],
  ["what a function is called on", (inner) => `string(${inner}).contains('f')`],
  ["an argument of such a function", (inner) => `'false'.contains(string(${inner}))`],
  ["an element of a list", (inner) => `[true, ${inner}] == [true, false]`],
  ["what something is looked for in", (inner) => `false in [true, ${inner}]`],
  ["an index", (inner) => `[1, 2][${inner} ? 0 : 1] == 2`],
  ["a value of a map", (inner) => `{'a': ${inner}} == {'a': false}`],
  ["a key of a map", (inner) => `{string(${inner}): 1} == {'false': 1}`],
  ["what a member is of", (inner) => `{'a': ${inner}}.a == false`],
  ["what a member may be of", (inner) => `has({'a': ${inner}}.a)`],
  ["what a macro walks over", (inner) => `[${inner}].all(b, !b)`],
  ["the body of a macro", (inner) => `[1].all(n, !(${inner}))`],
  ["a macro that makes a list", (inner) => `[1].map(n, ${inner}) == [false]`],
];

describe("a condition with a part that cannot be answered fails, wherever that stands", () => {
  it.each(places)("as %s", (_place, around) => {
    const when = around("has(jwt.x.force)");
    expect(evaluate(when, { claims: { x: {} } })).toBe("true");
    expect(evaluate(when, { claims: { x: '{"force":true}' } })).toBe("error");
  });
});

describe("a macro is paid for wherever it stands", () => {
  it.each(places)("as %s", (_place, around) => {
    const when = around("mcp.tool.arguments.l.exists(x, x == 1.0)");
    expect(evaluate(when, { args: { l: new Array(1_000).fill(0) } })).toBe("true");
    expect(evaluate(when, { args: { l: new Array(40_000).fill(0) } })).toBe("error");
  });
});

const ones = (count: number) => new Array(count).fill("1");

describe("every part of the body of a macro is paid for", () => {
  it.each<[string, string]>([
    ["operands", `${ones(100).join(" + ")} == 100`],
    ["elements of a list", `[${ones(100)}].size() == 100`],
    ["keys and values of a map", `{${ones(50).map((one, at) => `'${at}': ${one}`)}}.size() == 50`],
    ["members", `jwt.a${".a".repeat(100)} == 1.0`],
    ["members that may be there", `has(jwt.a${".a".repeat(100)})`],
    ["what a function is called on", `(${new Array(100).fill("'1'").join(" + ")}).contains('1')`],
    ["a macro that comes to nothing", `[].all(y, [${ones(100)}].size() == 100)`],
    ["what a macro within it walks over", `![${ones(100).join(" + ")}].exists(y, y == 2)`],
  ])("%s", (_case, body) => {
    const when = `mcp.tool.arguments.l.all(x, ${body})`;
    const claims = JSON.parse(`${'{"a":'.repeat(101)}1${"}".repeat(101)}`);
    expect(evaluate(when, { args: { l: new Array(100).fill(0) }, claims })).toBe("true");
    expect(evaluate(when, { args: { l: new Array(1_000).fill(0) }, claims })).toBe("error");
  });
});
