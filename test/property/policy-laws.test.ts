import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compilePolicy, type Program } from "../../src/policy/compile.ts";
import { judge, rehearse, type Verdict, viewOf } from "../../src/policy/evaluate.ts";
import type { Circumstances, PolicySubject } from "../../src/policy/facts.ts";
import { readPolicies } from "../../src/policy/load.ts";
import { Sight } from "../../src/policy/sight.ts";
import { noonMs, programOf, subjectOf } from "../fixtures/policy.ts";
import {
  Dice,
  leaves,
  makeCircumstances,
  makeFiles,
  makeRule,
  makeSubject,
  makeTarget,
  servers,
} from "../fixtures/policy-generator.ts";
import type { FileData, RuleData } from "../fixtures/policy-reference.ts";

type Files = Readonly<Record<string, FileData>>;

/** A random policy, questions to it, and dice for what a test changes. */
const situations = fc.integer({ min: 0, max: 0x7fffffff }).map((seed) => {
  const dice = new Dice(seed);
  const files = makeFiles(dice, new Map());
  const questions = Array.from({ length: 10 }, () => ({
    subject: makeSubject(dice),
    server: dice.one(servers),
    target: makeTarget(dice),
    circumstances: makeCircumstances(dice),
  }));
  return { dice, files, questions };
});
type Question = {
  readonly subject: PolicySubject;
  readonly server: string;
  readonly target: ReturnType<typeof makeTarget>;
  readonly circumstances: Circumstances;
};

/** Most laws compare answers of the same files. */
const programs = new WeakMap<Files, Program>();

function compile(files: Files): Program {
  const known = programs.get(files);
  if (known !== undefined) return known;
  const { sources, problems } = readPolicies(
    Object.entries(files).map(([file, data]) => ({ file, text: JSON.stringify(data) })),
  );
  expect(problems).toEqual([]);
  const program = compilePolicy(sources, servers);
  programs.set(files, program);
  return program;
}

function ask(files: Files, questions: readonly Question[], decide: typeof judge | typeof rehearse = judge) {
  const program = compile(files);
  return questions.map(({ subject, server, target, circumstances }) =>
    decide(viewOf(program, subject, server), target, circumstances),
  );
}

const width = { deny: 0, challenge: 1, allow: 2 } as const;

/** No answer may be wider than the one before. */
function expectNoWider(before: readonly (Verdict | null)[], after: readonly (Verdict | null)[]): void {
  for (const [index, one] of before.entries()) {
    expect(width[after[index]?.effect ?? "deny"]).toBeLessThanOrEqual(width[one?.effect ?? "deny"]);
  }
}

/** Changes the rules of one kind in one role of one file. */
function change(
  dice: Dice,
  files: Files,
  effect: "allow" | "deny",
  by: (rules: readonly RuleData[]) => RuleData[],
): Files {
  const [name, file] = dice.one(Object.entries(files));
  const [role, data] = dice.one(Object.entries(file.roles));
  return {
    ...files,
    [name]: { ...file, roles: { ...file.roles, [role]: { ...data, [effect]: by(data[effect] ?? []) } } },
  };
}

const turn = <Value>(record: Readonly<Record<string, Value>>) => Object.fromEntries(Object.entries(record).reverse());
const strip = ({ mode: _, ...rest }: RuleData): RuleData => rest;

describe("whatever the policy and the question", () => {
  it("a deny that is added never widens", () => {
    fc.assert(
      fc.property(situations, ({ dice, files, questions }) => {
        const added = strip(makeRule(dice, "deny", "added", new Map()));
        const more = change(dice, files, "deny", (rules) => [...rules, added]);
        expectNoWider(ask(files, questions), ask(more, questions));
      }),
      { numRuns: 250 },
    );
  });

  it("an allow that is taken away never widens", () => {
    fc.assert(
      fc.property(situations, ({ dice, files, questions }) => {
        const less = change(dice, files, "allow", (rules) => rules.filter(() => dice.chance(0.5)));
        expectNoWider(ask(files, questions), ask(less, questions));
      }),
      { numRuns: 250 },
    );
  });

  it("a condition, a requirement, hours or an end that is added to an allow never widens", () => {
    fc.assert(
      fc.property(situations, ({ dice, files, questions }) => {
        const {
          server: _,
          tools: __,
          prompts: ___,
          resources: ____,
          id: _____,
          limit: ______,
          ...narrower
        } = makeRule(dice, "allow", "x", new Map());
        const less = change(dice, files, "allow", (rules) =>
          rules.map((rule) => ({
            ...narrower,
            ...rule,
            ...(rule.when && narrower.when && { when: `(${rule.when}) && (${narrower.when})` }),
          })),
        );
        // Two rules may be named by another order, but nobody gets more.
        fc.pre(
          readPolicies(Object.entries(less).map(([file, data]) => ({ file, text: JSON.stringify(data) }))).problems
            .length === 0,
        );
        expectNoWider(ask(files, questions), ask(less, questions));
      }),
      { numRuns: 250 },
    );
  });

  it("rules, files and bindings in shadow change nothing, and are recorded", () => {
    fc.assert(
      fc.property(situations, ({ dice, files, questions }) => {
        const effect = dice.one(["allow", "deny"] as const);
        const added = { ...makeRule(dice, effect, "added", new Map()), mode: "shadow" };
        const ruled = change(dice, files, effect, (rules) => [...rules, added]);
        const inherits = Object.values(files).flatMap(({ roles }) => Object.keys(roles));
        const everyone = [{ roles: ["trial", ...inherits], issuers: ["corp", "builtin"] }];
        const trial = {
          version: 1,
          mode: "shadow",
          roles: { trial: { inherits, deny: [{ server: "*", tools: ["*"] }] } },
          bindings: everyone,
        };
        const tried = { ...files, "trial.yaml": trial };
        const before = ask(files, questions);
        // Lines move, so places are not compared.
        const said = (verdicts: readonly (Verdict | null)[]) =>
          verdicts.map((verdict) => ({ ...verdict, policy: null }));
        expect(said(ask(ruled, questions))).toEqual(said(before));
        expect(said(ask(tried, questions))).toEqual(said(before));
        const rehearsed = ask(tried, questions, rehearse);
        const tools = rehearsed.filter((_, index) => questions[index]?.target.kind === "tool");
        expect(tools.map((verdict) => verdict?.effect)).toEqual(tools.map(() => "deny"));
      }),
      { numRuns: 250 },
    );
  });

  it("neither order of files, roles, rules and bindings, nor rules written twice, change the effect", () => {
    fc.assert(
      fc.property(situations, ({ dice, files, questions }) => {
        // Of challenges that are equally near another one may be named.
        const effects = (given: Files) =>
          ask(given, questions).map((verdict) => [verdict?.effect, verdict?.effect === "allow" && verdict.certain]);
        const turnRules = ({ allow = [], deny = [], ...rest }: FileData["roles"][string]) => ({
          ...rest,
          allow: allow.toReversed(),
          deny: deny.toReversed(),
        });
        const turned = Object.fromEntries(
          Object.entries(turn(files)).map(([, file], index) => [
            `${index}.yaml`,
            {
              ...file,
              roles: Object.fromEntries(
                Object.entries(turn(file.roles)).map(([role, data]) => [role, turnRules(data)]),
              ),
              bindings: file.bindings.toReversed(),
            },
          ]),
        );
        expect(effects(turned)).toEqual(effects(files));
        const twice = change(dice, files, dice.one(["allow", "deny"]), (rules) => [...rules, ...rules]);
        expect(effects(twice)).toEqual(effects(files));
      }),
      { numRuns: 250 },
    );
  });

  it("what is hidden while listing nothing can call, and what the call finds is what the list said where it was certain", () => {
    fc.assert(
      fc.property(situations, ({ dice, files, questions }) => {
        const program = compile(files);
        for (const { subject, server, target, circumstances } of questions) {
          const known = { ...circumstances, unknown: 0 };
          const view = viewOf(program, subject, server);
          const { nowMs, ip, annotationsOf } = known;
          const sight = new Sight(view, { ip, now: () => nowMs, annotationsOf });
          const listed = judge(view, target, { ...known, call: null });
          expect(sight.sees(target)).toBe(listed.effect !== "deny");
          for (const call of Array.from({ length: 5 }, () => makeCircumstances(dice, false).call)) {
            const called = judge(view, target, { ...known, call: call ?? { method: "x", args: {} } });
            if (!sight.sees(target)) expect(called.effect).toBe("deny");
            if (listed.certain && listed.effect === "allow") expect(called.effect).toBe("allow");
          }
        }
      }),
      { numRuns: 250 },
    );
  });
});

describe("a list", () => {
  /** Each rule asks for an argument of its own, so that what may be true of each may be true of all together. */
  const rules = fc.array(
    fc.record({ effect: fc.constantFrom("allow", "deny"), tool: fc.constantFrom("a", "b", "?"), form: fc.nat(4) }),
    { minLength: 1, maxLength: 5 },
  );

  it("shows exactly what some arguments can call", () => {
    fc.assert(
      fc.property(rules, (given) => {
        const written = given.map(({ effect, tool, form }, index) => {
          const own = `mcp.tool.arguments.k${index}`;
          const when = [undefined, own, `!${own}`, `has(${own})`, `has(${own}) && ${own} || false`][form];
          return { effect, rule: { server: "a", tools: [tool], ...(when && { when }) } };
        });
        const of = (effect: string) => written.filter((each) => each.effect === effect).map(({ rule }) => rule);
        const text = {
          version: 1,
          roles: { r: { allow: of("allow"), deny: of("deny") } },
          bindings: [{ roles: ["r"], subjects: ["u"] }],
        };
        const view = viewOf(programOf(["a"], JSON.stringify(text)), subjectOf({ subject: "u" }), "a");
        const around = { nowMs: noonMs, ip: "", annotationsOf: () => ({}) };
        const sight = new Sight(view, { ip: "", now: () => noonMs, annotationsOf: () => ({}) });
        for (const name of ["a", "b"]) {
          const target = { kind: "tool", name } as const;
          const callable = everyArguments(given.length).some(
            (args) => judge(view, target, { ...around, call: { method: "tools/call", args } }).effect === "allow",
          );
          expect(sight.sees(target)).toBe(callable);
        }
      }),
      { numRuns: 250 },
    );
  });

  /** Each argument true, false, or not there. */
  function everyArguments(count: number): Record<string, boolean>[] {
    let all: Record<string, boolean>[] = [{}];
    for (let index = 0; index < count; index++)
      all = all.flatMap((args) => [args, { ...args, [`k${index}`]: true }, { ...args, [`k${index}`]: false }]);
    return all;
  }
});

describe("whatever a caller sends", () => {
  const odd = fc.constantFrom(
    "__proto__",
    "constructor",
    "$typeName",
    "toString",
    "hasOwnProperty",
    "toJSON",
    "then",
    "amount",
    "Amount",
    "force",
    "list",
    "path",
    "deep",
    "\u0000",
    "\ud800",
    "é".repeat(300),
  );
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      { depthSize: "small" },
      fc.constantFrom<unknown>(
        null,
        true,
        false,
        0,
        -0,
        1e308,
        -1e308,
        Infinity,
        Number.NaN,
        "",
        "google.protobuf.Any",
        "google.protobuf.Struct",
        "a".repeat(20_000),
      ),
      fc.string({ unit: "binary" }),
      fc.double(),
      fc.array(tie("any"), { maxLength: 4 }),
      fc.dictionary(fc.oneof(odd, fc.string({ unit: "binary" })), tie("any"), { maxKeys: 5, noNullPrototype: false }),
    ),
  })).any;
  const rule = (effect: "allow" | "deny") => (when: string) => ({
    server: "*",
    tools: ["*"],
    prompts: ["*"],
    resources: ["*"],
    when,
    ...(effect === "allow" && { require: { maxAge: "5m", acr: ["mfa"] } }),
  });
  const whens = leaves.map(([text]) => text);
  const text = {
    version: 1,
    roles: {
      r: { allow: whens.map(rule("allow")), deny: whens.map((when) => ({ ...rule("deny")(when), tools: ["denied"] })) },
    },
    bindings: [{ roles: ["r"], claims: { bound: [true] } }],
  };
  const program = programOf(["a"], JSON.stringify(text));
  const targets = [
    { kind: "tool", name: "t" },
    { kind: "tool", name: "denied" },
    { kind: "prompt", name: "p" },
    { kind: "resource", name: "x://y" },
    { kind: "template", name: "x://{y}" },
    { kind: "server" },
  ] as const;
  const asRecord = (given: unknown) =>
    typeof given === "object" && given !== null ? (given as Record<string, unknown>) : {};

  it("judging it never throws", () => {
    fc.assert(
      fc.property(value, value, value, fc.double(), fc.boolean(), (args, claims, hints, nowMs, bound) => {
        const subject = subjectOf({ subject: "u", claims: { ...asRecord(claims), ...(bound && { bound }) } });
        const view = viewOf(program, subject, "a");
        for (const target of targets) {
          const circumstances = { nowMs, ip: "", call: { method: "x", args }, annotationsOf: () => asRecord(hints) };
          const { effect } = judge(view, target, circumstances);
          if (!bound) expect(effect).toBe("deny");
          judge(view, target, { ...circumstances, call: null });
        }
      }),
      { numRuns: 250 },
    );
  });

  it.each<[string, () => unknown]>([
    ["text of a megabyte", () => ({ path: "a".repeat(1_048_576), amount: "9".repeat(1_048_576) })],
    ["a list of half a million", () => ({ list: new Array(524_288).fill(0) })],
    [
      "a hundred thousand members",
      () => Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [`é${index}`, index])),
    ],
    ["lists in lists in lists", () => nest((inner) => [inner])],
    ["members in members in members", () => nest((deep) => ({ deep }))],
    ["what is no JSON", () => ({ amount: 1n, path: Symbol("x"), list: () => 0, force: undefined })],
    [
      "what throws when it is read",
      () => ({
        get amount() {
          throw new Error("no");
        },
      }),
    ],
    ["what has no prototype", () => Object.assign(Object.create(null), { deep: Object.create(null), amount: 1 })],
  ])("nor does %s make it throw, among arguments and claims", (_case, make) => {
    const given = make();
    const circumstances = { nowMs: noonMs, ip: "", call: { method: "x", args: given }, annotationsOf: () => ({}) };
    const [first, second] = targets;
    for (const claims of [{ bound: true }, { bound: true, x: given }]) {
      const view = viewOf(program, subjectOf({ subject: "u", claims }), "a");
      expect(judge(view, second, circumstances).effect).toBe("deny");
      expect(["deny", "challenge"]).toContain(judge(view, first, circumstances).effect);
    }
  });

  function nest(around: (inner: unknown) => unknown): unknown {
    let value: unknown = 0;
    for (let level = 0; level < 100_000; level++) value = around(value);
    return { deep: value, list: value };
  }
});
