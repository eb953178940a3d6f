import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkPolicies } from "../../src/policy/check.ts";
import { compilePolicy } from "../../src/policy/compile.ts";
import { compileCondition, outcome } from "../../src/policy/condition/condition.ts";
import { factBits } from "../../src/policy/facts.ts";
import { readPolicies } from "../../src/policy/load.ts";
import { Scene } from "../../src/policy/scene.ts";
import { noonMs, programOf, subjectOf } from "../fixtures/policy.ts";

const [rule] = programOf(
  ["a"],
  JSON.stringify({ version: 1, roles: { r: { allow: [{ server: "a", tools: ["t"] }] } } }),
).rules;
const target = { kind: "tool", name: "t" } as const;
const args = { n: 3, s: "text", l: [1, "x", [2]], m: { n: 4, s: null }, t: true };
const subject = subjectOf({ subject: "u", groups: ["g"], claims: { ...args, sub: "u" } });
const circumstances = {
  nowMs: noonMs,
  ip: "192.0.2.1",
  call: { method: "tools/call", args },
  annotationsOf: () => ({}),
};

/** Every expression that the grammar allows, sensible or not. */
const expression = fc.letrec<{ any: string }>((tie) => {
  const any = tie("any");
  const operator = fc.constantFrom("&&", "||", "==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "%", "in");
  const method = fc.constantFrom(
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "matches",
    "getHours",
    "getDayOfYear",
    "getMinutes",
    "foo",
  );
  const macro = fc.constantFrom("all", "exists", "exists_one", "filter", "map");
  return {
    any: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      fc.constantFrom(
        "true",
        "false",
        "null",
        "0",
        "1",
        "-1",
        "2u",
        "1.5",
        "1e400",
        "9223372036854775807",
        "'x'",
        '"\\u00fc"',
        "b'x'",
        "r'\\d'",
        "[]",
        "{}",
      ),
      fc.constantFrom(
        "jwt",
        "jwt.n",
        "jwt.s",
        "jwt.l",
        "jwt.m.n",
        "jwt.m.s",
        "jwt.t",
        "jwt.gone",
        "jwt.__proto__",
        "jwt.constructor",
        "mcp.tool.arguments.n",
        "mcp.tool.arguments.l",
        "mcp.tool.arguments",
        "mcp.tool.annotations.x",
        "mcp.method",
        "mcp.resource.uri",
        "mcp.tool",
        "identity.groups",
        "identity.client",
        "peer.ip",
        "now",
        "x",
        "nothing",
        "int",
        "timestamp",
      ),
      fc.tuple(any, operator, any).map(([one, sign, other]) => `(${one} ${sign} ${other})`),
      fc.tuple(any, any, any).map(([test, one, other]) => `(${test} ? ${one} : ${other})`),
      fc.tuple(fc.constantFrom("!", "-"), any).map(([sign, one]) => `${sign}${one}`),
      fc
        .tuple(any, method, fc.array(any, { maxLength: 2 }))
        .map(([on, name, operands]) => `${on}.${name}(${operands.join(", ")})`),
      fc.tuple(any, macro, any).map(([on, name, step]) => `${on}.${name}(x, ${step})`),
      fc
        .tuple(
          fc.constantFrom(
            "size",
            "int",
            "uint",
            "double",
            "string",
            "bytes",
            "bool",
            "timestamp",
            "duration",
            "type",
            "dyn",
            "has",
          ),
          any,
        )
        .map(([name, one]) => `${name}(${one})`),
      fc.tuple(any, any).map(([one, index]) => `${one}[${index}]`),
      any.map((one) => `${one}.n`),
      fc.array(any, { maxLength: 3 }).map((elements) => `[${elements.join(", ")}]`),
      fc
        .array(fc.tuple(any, any), { maxLength: 2 })
        .map((entries) => `{${entries.map(([key, value]) => `${key}: ${value}`).join(", ")}}`),
    ),
  };
}).any;

describe("expressions", () => {
  const settled = new Set<number>(Object.values(outcome));

  it("compile or are found wrong, and what compiles comes out one way where everything is known", () => {
    let compiled = 0;
    fc.assert(
      fc.property(expression, (text) => {
        const condition = compileCondition(text);
        if (!("outcomes" in condition)) {
          for (const { offset, message } of condition) {
            expect(message).not.toBe("");
            expect(offset).toBeGreaterThanOrEqual(0);
            expect(offset).toBeLessThanOrEqual(text.length);
          }
          return;
        }
        compiled += 1;
        if (rule === undefined) throw new Error("there is no rule");
        const evaluate = (given: typeof circumstances & { unknown?: number }) =>
          new Scene(subject, "a", target, given).outcomesOf({ ...rule, condition });
        const known = evaluate(circumstances);
        expect(settled).toContain(known);
        // Whatever is not known, what comes out when it is was among what could.
        for (const unknown of [
          factBits.claims,
          factBits.toolArguments,
          factBits.claims | factBits.toolArguments | factBits.now | factBits.ip,
        ]) {
          const possible = evaluate({ ...circumstances, unknown });
          expect(possible & known).toBe(known);
          if ((condition.reads & unknown) === 0) expect(possible).toBe(known);
        }
      }),
      { numRuns: 3_000 },
    );
    expect(compiled).toBeGreaterThan(50);
  });

  it("of any characters never make it throw", () => {
    const token = fc.constantFrom(
      "jwt",
      ".",
      "(",
      ")",
      "[",
      "]",
      "{",
      "}",
      "'",
      '"',
      "\\",
      "?",
      ":",
      ",",
      "&&",
      "||",
      "!",
      "-",
      "1",
      "0x",
      "1.",
      "e5",
      "u",
      "in",
      "has",
      "all",
      "x",
      " ",
      "\n",
      "//",
      "`",
      "@",
      "é",
      "👍",
      "\u0000",
      "\ud800",
    );
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: token, maxLength: 30 }), fc.string({ unit: "binary" })), (text) => {
        const condition = compileCondition(text);
        expect("outcomes" in condition || condition.length > 0).toBe(true);
      }),
      { numRuns: 3_000 },
    );
  });
});

describe("text as a policy file", () => {
  const sound = `version: 1
mode: enforce
roles:
  reader:
    inherits: []
    allow:
      - { id: one, server: "a*", tools: [forecast, "get-*"], when: jwt.n == 1, hours: { timeZone: UTC, from: "09:00" } }
      - { server: a, resources: ["x://*"], require: { scopes: [s], maxAge: 5m }, limit: { requests: 3 } }
    deny:
      - { id: two, server: "*", tools: ["drop-*"], from: 2026-03-02, until: "2027-01-01T00:00:00Z" }
bindings:
  - { roles: [reader], groups: [analysts], claims: { tenant: [acme, 3, true] } }
`;
  const piece = fc.constantFrom(
    "",
    " ",
    "\n",
    "\t",
    ":",
    "- ",
    ",",
    "{",
    "}",
    "[",
    "]",
    "'",
    '"',
    "#",
    "&a ",
    "*a",
    "!!int ",
    "<<: ",
    "|",
    ">",
    "%",
    "@",
    "~",
    "null",
    "0",
    "é",
    "\u200b",
    "\ufeff",
    "version: 1\n",
    "__proto__: x",
    "deny",
    "allow",
  );
  const edit = fc.record({ at: fc.nat(sound.length), cut: fc.oneof(fc.constant(0), fc.nat(12)), piece });
  const context = { servers: ["a", "ab"], issuers: ["builtin"] };

  function readIt(text: string) {
    const { sources, problems, roleNames } = readPolicies([{ file: "a.yaml", text }]);
    const found = [...problems, ...checkPolicies(sources, { ...context, roleNames }).problems];
    for (const { line, column, message } of found) {
      expect(line).toBeGreaterThan(0);
      expect(column).toBeGreaterThan(0);
      expect(message).not.toMatch(/^\s*$|undefined|\[object/);
    }
    return { sources, found };
  }

  it("never makes it throw, and compiles where nothing is found wrong", () => {
    let compiled = 0;
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
        let text = sound;
        for (const { at, cut, piece } of edits) text = text.slice(0, at) + piece + text.slice(at + cut);
        const { sources, found } = readIt(text);
        if (found.length > 0) return;
        compiled += 1;
        expect(compilePolicy(sources, context.servers).files).toEqual(["a.yaml"]);
      }),
      { numRuns: 1_500 },
    );
    expect(compiled).toBeGreaterThan(10);
  });

  it("of any characters or JSON never makes it throw", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: "binary" }),
          fc.string({ unit: piece, maxLength: 30 }),
          fc.json(),
          fc.jsonValue().map((roles) => JSON.stringify({ version: 1, roles, bindings: roles })),
        ),
        (text) => {
          readIt(text);
        },
      ),
      { numRuns: 1_500 },
    );
  });
});
