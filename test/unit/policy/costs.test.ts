import { afterEach, describe, expect, it } from "vitest";
import { parseExpression } from "../../../src/policy/condition/condition.ts";
import { meterMacros } from "../../../src/policy/condition/costs.ts";
import { walk } from "../../../src/policy/condition/tree.ts";
import { evaluate } from "../../fixtures/condition.ts";

const zeros = (count: number) => new Array(count).fill(0);
const text = (length: number, letter = "a") => letter.repeat(length);

/** What a caller can send within 1 MiB, and what a condition would then cost. */
describe("what costs too much is an error, and a little less is not", () => {
  it.each<[string, string, object, object]>([
    ["a macro", "args.l.all(x, x == 0.0)", { l: zeros(9_000) }, { l: zeros(10_001) }],
    ["keys of a map", "args.all(k, k != '')", { ...zeros(9_000) }, { ...zeros(9_999) }],
    [
      "macros one after the other",
      "args.l.all(x, true) && args.l.all(x, true)",
      { l: zeros(6_000) },
      { l: zeros(7_000) },
    ],
    ["a macro within another", "args.l.all(x, args.l.all(y, true))", { l: zeros(100) }, { l: zeros(120) }],
    [
      "walking over a list again and again, though not to its end",
      "args.l.all(x, args.m.exists(y, true))",
      { l: zeros(10), m: zeros(40_000) },
      { l: zeros(40), m: zeros(40_000) },
    ],
    ["a list that grows", "args.l.map(x, x).size() > 5", { l: zeros(4_000) }, { l: zeros(8_000) }],
    ["a list of lists put together", "(args.l + args.l).all(x, true)", { l: zeros(5_000) }, { l: zeros(7_000) }],
    [
      "elements of a list in another",
      "args.l.all(x, x in args.m)",
      { l: zeros(100), m: [...zeros(2_000)].fill(1).concat(0) },
      { l: zeros(500), m: [...zeros(2_000)].fill(1).concat(0) },
    ],
    [
      "comparing lists again and again",
      "args.l.all(x, args.m == args.m.filter(y, true))",
      { l: [0], m: zeros(500) },
      { l: zeros(60), m: zeros(500) },
    ],
    [
      "comparing texts again and again",
      "args.l.all(x, args.s == args.t)",
      { l: zeros(100), s: text(80_000), t: text(80_000) },
      { l: zeros(3_000), s: text(80_000), t: text(80_000) },
    ],
    [
      "the order of texts",
      "args.l.all(x, args.s <= args.t)",
      { l: zeros(100), s: text(80_000), t: text(80_000) },
      { l: zeros(3_000), s: text(80_000), t: text(80_000) },
    ],
    [
      "putting texts together",
      "args.l.all(x, args.s + args.t != '')",
      { l: zeros(100), s: text(80_000), t: text(80_000) },
      { l: zeros(3_000), s: text(80_000), t: text(80_000) },
    ],
    ["counting characters", "args.s.size() > 5", { s: text(900_000) }, { s: text(2_600_000) }],
    [
      "a long text in another",
      "!args.s.contains(args.t)",
      { s: text(4_000), t: `${text(1_000)}b` },
      { s: text(500_000), t: `${text(5_000)}b${text(5_000)}` },
    ],
    [
      "a short text again and again",
      "args.l.all(x, !args.s.contains('b'))",
      { l: zeros(10), s: text(400_000) },
      { l: zeros(20), s: text(400_000) },
    ],
    [
      "regular expressions again and again",
      "args.l.all(x, args.s.matches('^a*$'))",
      { l: zeros(10), s: text(16_000) },
      { l: zeros(20), s: text(16_000) },
    ],
    ["a large regular expression", "!args.s.matches('^(a?b?c?d?e?){30}$')", { s: text(2_000) }, { s: text(6_000) }],
    [
      "operators in a macro",
      `args.l.all(x, ${new Array(90).fill("1 + 1 == 2").join(" && ")})`,
      { l: zeros(100) },
      { l: zeros(200) },
    ],
    [
      "errors in a macro",
      `args.l.all(x, true || ${new Array(90).fill("1 / 0 == 1").join(" && ")})`,
      { l: zeros(100) },
      { l: zeros(200) },
    ],
    [
      "hours in a time zone",
      "args.l.all(x, now.getHours('Europe/Berlin') == 13)",
      { l: zeros(500) },
      { l: zeros(8_000) },
    ],
    [
      "moments read from text",
      "args.l.all(x, timestamp(args.s) < now)",
      { l: zeros(500), s: "2026-01-01T00:00:00Z" },
      { l: zeros(5_000), s: "2026-01-01T00:00:00Z" },
    ],
    [
      "durations read from text",
      "args.l.all(x, duration(args.s) == duration('1h'))",
      { l: zeros(500), s: "60m" },
      { l: zeros(5_000), s: "60m" },
    ],
    ...["!(args.s != args.t)", "!(args.s < args.t)", "!(args.s > args.t)", "args.s >= args.t"].map(
      (test): [string, string, object, object] => [
        `the order of texts, by ${test}`,
        `args.l.all(x, ${test})`,
        { l: zeros(100), s: text(80_000), t: text(80_000) },
        { l: zeros(3_000), s: text(80_000), t: text(80_000) },
      ],
    ),
    ...["startsWith", "endsWith"].map((name): [string, string, object, object] => [
      `a text in another, by ${name}`,
      `args.l.all(x, args.s.${name}(args.t))`,
      { l: zeros(100), s: text(90_000), t: text(80_000) },
      { l: zeros(3_000), s: text(90_000), t: text(80_000) },
    ]),
    ...["b <= b", "b >= b", "!(b < b)", "!(b > b)", "(b + b).size() > 5", "string(b) != ''", "bytes(b) != b''"].map(
      (test): [string, string, object, object] => [
        `bytes, by ${test}`,
        `[bytes(args.s)].all(b, args.l.all(x, ${test}))`,
        { l: zeros(50), s: text(80_000) },
        { l: zeros(3_000), s: text(80_000) },
      ],
    ),
    [
      "a text as text",
      "args.l.all(x, string(args.s) != '')",
      { l: zeros(50), s: text(80_000) },
      { l: zeros(3_000), s: text(80_000) },
    ],
    [
      "comparing maps again and again",
      "args.l.all(x, args.m == args.n)",
      { l: zeros(100), m: { ...zeros(500) }, n: { ...zeros(500) } },
      { l: zeros(1_500), m: { ...zeros(500) }, n: { ...zeros(500) } },
    ],
    [
      "comparing texts in lists again and again",
      "args.l.all(x, args.m == args.n)",
      { l: zeros(100), m: [text(80_000)], n: [text(80_000)] },
      { l: zeros(3_000), m: [text(80_000)], n: [text(80_000)] },
    ],
    [
      "comparing lists of lists again and again",
      "args.l.all(x, args.m == args.n)",
      { l: zeros(100), m: [zeros(500)], n: [zeros(500)] },
      { l: zeros(1_500), m: [zeros(500)], n: [zeros(500)] },
    ],
    [
      "text as bytes",
      "args.l.all(x, bytes(args.s).size() > 5)",
      { l: zeros(5), s: text(500_000) },
      { l: zeros(25), s: text(500_000) },
    ],
  ])("%s", (_case, when, some, more) => {
    const expression = when.replaceAll("args", "mcp.tool.arguments");
    expect(evaluate(expression, { args: some })).toBe("true");
    expect(evaluate(expression, { args: more })).toBe("error");
  });

  it.each([
    ["names of members", Object.fromEntries(zeros(10_001).map((zero, index) => [`k${index}`, zero]))],
    ["a name of many characters that may be any", { [text(257, "é")]: 0 }],
  ])("%s", (_case, args) => {
    expect(evaluate("has(mcp.tool.arguments.k)", { args })).toBe("error");
    // Whoever does not ask for arguments is not bothered by them.
    expect(evaluate("identity.subject == 'alice'", { args })).toBe("true");
  });

  it.each(["args.m[x] == 'a' || true", "x in args || true"])("is asked for each key that is no text: %s", (test) => {
    const when = `args.l.all(x, ${test})`.replaceAll("args", "mcp.tool.arguments");
    const few = { ...zeros(50) };
    const many = { ...zeros(5_000) };
    expect(evaluate(when, { args: { ...few, l: zeros(1_000), m: few } })).toBe("true");
    expect(evaluate(when, { args: { ...many, l: zeros(1_000), m: many } })).toBe("error");
  });

  it.each([
    ["beside what is true", "args.l.all(x, true) || true"],
    ["within a macro", "args.l.all(x, args.l.all(y, true) || true)"],
    ["in what is chosen by nothing", "args.l.all(x, true) ? true : true"],
  ])("is not forgotten where the error of it is absorbed: %s", (_case, when) => {
    expect(evaluate(when.replaceAll("args", "mcp.tool.arguments"), { args: { l: zeros(40_000) } })).toBe("error");
  });

  it.each([
    ["comparing a list with nothing", "args.m != null"],
    ["comparing nothing with a list", "null != args.m"],
    ["asking for the size of a list", "args.m.size() > 5"],
    ["asking for the size of bytes", "b.size() > 5"],
    ["asking for a member", "args.n['500'] == 0.0"],
    ["asking whether there is a member", "has(args.n.k)"],
    ["comparing numbers", "x < 1.0"],
    ["comparing a text with a short one", "args.s != 'x'"],
    ["comparing a short text with it", "'x' > args.s"],
  ])("is no matter of %s, whatever its size", (_case, test) => {
    const when = `[bytes(args.s)].all(b, args.l.all(x, ${test}))`;
    const args = { l: zeros(2_000), m: zeros(2_000), n: { k: 0, ...zeros(2_000) }, s: text(80_000) };
    expect(evaluate(when.replaceAll("args", "mcp.tool.arguments"), { args })).toBe("true");
  });

  it.each([
    ["after what is false", "identity.subject == 'bob' && args.l.all(x, true)", "false"],
    ["after what is true", "identity.subject == 'alice' || args.l.all(x, true)", "true"],
    ["in what is not chosen", "identity.subject == 'bob' ? args.l.all(x, true) : true", "true"],
    ["in what is not chosen either", "identity.subject == 'alice' ? true : args.l.all(x, true)", "true"],
  ])("is no matter %s", (_case, when, outcome) => {
    const args = { l: zeros(40_000) };
    expect(evaluate(when.replaceAll("args", "mcp.tool.arguments"), { args })).toBe(outcome);
  });

  it("is no matter of what a macro did not come to", () => {
    const args = { l: [1, ...zeros(45_000)] };
    expect(evaluate("mcp.tool.arguments.l.exists(x, x == 1.0)", { args })).toBe("true");
  });

  it("has one purse for all conditions of a decision, and a new one for the next", () => {
    const when = "mcp.tool.arguments.l.all(x, true)";
    expect(evaluate(when, { args: { l: zeros(8_000) } })).toBe("true");
    expect(evaluate(when, { args: { l: zeros(8_000) } })).toBe("true");
    expect(evaluate(`${when} && ${when}`, { args: { l: zeros(8_000) } })).toBe("error");
  });
});

it.each(["iterRange", "loopCondition", "loopStep"] as const)(
  "a macro without its %s is refused, since it could not be made to pay",
  (part) => {
    const parsed = parseExpression("[1].all(x, true) && true");
    if ("message" in parsed) throw new Error(parsed.message);
    for (const { exprKind } of walk(parsed.expr))
      if (exprKind.case === "comprehensionExpr") delete exprKind.value[part];
    expect(() => meterMacros(parsed.expr)).toThrow("cannot be metered");
  },
);

describe("an evaluation", () => {
  const usual = Error.stackTraceLimit;
  afterEach(() => {
    Error.stackTraceLimit = usual;
  });

  it.each(["identity.subject == 'alice'", "jwt.gone == 1", "mcp.tool.arguments.l.all(x, true)"])(
    "leaves errors of others their stack traces: %s",
    (when) => {
      Error.stackTraceLimit = 7;
      evaluate(when, { args: { l: zeros(40_000) } });
      expect(Error.stackTraceLimit).toBe(7);
    },
  );
});

describe("values that are nested too deeply", () => {
  const nest = (depth: number) => {
    let value: unknown = 0;
    for (let level = 0; level < depth; level++) value = [value];
    return value;
  };

  it("are errors to conditions that read them", () => {
    expect(evaluate("has(jwt.x)", { claims: { x: nest(900) } })).toBe("true");
    expect(evaluate("has(jwt.x)", { claims: { x: nest(100_000) } })).toBe("error");
    expect(evaluate("has(mcp.tool.arguments.x)", { args: { x: nest(100_000) } })).toBe("error");
    expect(evaluate("identity.subject == 'alice'", { claims: { x: nest(100_000) } })).toBe("true");
    expect(evaluate("has(jwt.x) || identity.subject == 'alice'", { claims: { x: nest(100_000) } })).toBe("true");
  });
});
