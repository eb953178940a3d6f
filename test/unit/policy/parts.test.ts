import { describe, expect, it } from "vitest";
import { type ConditionPart, canonicalCondition, splitCondition } from "../../../src/policy/explain/parts.ts";

/** The parts as nested lists, the joint first. */
function shape({ joint, text, parts }: ConditionPart): unknown {
  return joint === null ? text : [joint, ...parts.map(shape)];
}

describe("splitCondition", () => {
  it.each<[string, unknown]>([
    ["a", "a"],
    ["a && b", ["&&", "a", "b"]],
    ["a && b && c", ["&&", "a", "b", "c"]],
    ["a && b || c", ["||", ["&&", "a", "b"], "c"]],
    ["a && (b || c)", ["&&", "a", ["||", "b", "c"]]],
    ["((a && b))", ["&&", "a", "b"]],
    ["(a) && (b)", ["&&", "a", "b"]],
    ["!(a && b)", "!(a && b)"],
    ["a ? b && c : d", "a ? b && c : d"],
    ["a && (b ? c : d)", ["&&", "a", "b ? c : d"]],
    ['x == "a && b" && y', ["&&", 'x == "a && b"', "y"]],
    ["x == 'it\\'s && ' && y", ["&&", "x == 'it\\'s && '", "y"]],
    ['x == r"\\" && y', ["&&", 'x == r"\\"', "y"]],
    ['x == """a" && b""" && y', ["&&", 'x == """a" && b"""', "y"]],
    ["a && // not || here\n b", ["&&", "a", "// not || here\n b"]],
    ["f(a && b) || [c && d][0]", ["||", "f(a && b)", "[c && d][0]"]],
    ["jwt.groups.exists(g, g == 'a' || g == 'b')", "jwt.groups.exists(g, g == 'a' || g == 'b')"],
    ["( a )", "a"],
    ["(a && b) // why", ["&&", "a", "b"]],
  ])("%s", (text, expected) => {
    expect(shape(splitCondition(text))).toEqual(expected);
  });

  it.each([
    'r"\\"',
    "R'\\'",
    'br"\\"',
    "Rb'\\'",
    'r"a && b"',
    "r'a && b'",
    'r"""a" && b\\"""',
    "r'''a' && b\\'''",
    'r"""a\n&& b"""',
    "r'''a\n&& b'''",
    '"a && b"',
    "'a && b'",
    '"a\\" && b"',
    "'a\\' && b'",
    '"""a\\""" && b"""',
    "'''a\\''' && b'''",
    '"""a\n" && b"""',
    "'''a\n' && b'''",
  ])("takes %s for a text", (literal) => {
    expect(shape(splitCondition(`x == ${literal} && y`))).toEqual(["&&", `x == ${literal}`, "y"]);
  });
});

describe("canonicalCondition", () => {
  it.each([
    ["a==1", "a  ==\n1"],
    ["a && b", "b && a"],
    ["a && b", "(b) && ((a))"],
    ["a && b && c", "(a && b) && c"],
    ["a && (b || c)", "(c||b) && a"],
    ['x in ["a b", "c"]', 'x   in ["a b","c"] // why'],
    ["a && a", "a"],
    ["a == 1", "a == 1 // why"],
    ['x == "a b"', '// why\n x == "a b"'],
  ])("%s is %s", (one, other) => {
    expect(canonicalCondition(one)).toBe(canonicalCondition(other));
  });

  it.each([
    ["a == 1", "a == 2"],
    ["a && b", "a || b"],
    ["a && b || c", "a && (b || c)"],
    ['a == "x y"', 'a == "xy"'],
    ['a == "x"', 'a == "y"'],
    ["a in b", "ainb"],
    ["!(a && b)", "!a && b"],
    ["a && (b || c)", "a && (b || d)"],
    ['x in ["a", "b", "c"]', 'x in ["a", "c", "b"]'],
    ['x == "a" && y == "b"', 'x == "b" && y == "a"'],
  ])("%s is not %s", (one, other) => {
    expect(canonicalCondition(one)).not.toBe(canonicalCondition(other));
  });
});
