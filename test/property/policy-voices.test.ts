/** What `policy explain` and suites say of a question, against the plain reference. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compilePolicy, type Program } from "../../src/policy/compile.ts";
import { decides, type Explanation, explainQuestion } from "../../src/policy/explain/explain.ts";
import { readPolicies } from "../../src/policy/load.ts";
import { identitySchema, readQuestion, readSubject, requestSchema } from "../../src/policy/question.ts";
import { Dice, makeCircumstances, makeFiles, makeSubject, makeTarget, servers } from "../fixtures/policy-generator.ts";
import { decide, type Given, type Said, type Tree } from "../fixtures/policy-reference.ts";
import { failuresOf, runOf } from "../unit/policy/suites.ts";

/** A random policy, and questions as people write them into a suite. */
const situations = fc.integer({ min: 0, max: 0x7fffffff }).map((seed) => {
  const dice = new Dice(seed);
  const conditions = new Map<string, Tree>();
  const files = makeFiles(dice, conditions);
  const sources = readPolicies(Object.entries(files).map(([file, data]) => ({ file, text: JSON.stringify(data) })));
  expect(sources.problems).toEqual([]);
  const program = compilePolicy(sources.sources, servers);
  return { program, questions: Array.from({ length: 6 }, () => write(dice)), files, conditions };
});

type Written = ReturnType<typeof write>;

function write(dice: Dice) {
  const { issuer, subject, client, groups, scopes, apiKey, certificate, proof, claims } = makeSubject(dice);
  const target = makeTarget(dice);
  const { call, nowMs, ip, annotationsOf } = makeCircumstances(dice);
  const identity = {
    ...{ issuer, subject, groups, scopes, proof, claims },
    ...(client !== null && { client }),
    ...(apiKey !== null && { apiKey }),
    ...(certificate !== null && { certificate }),
  };
  const isTool = target.kind === "tool";
  const request = {
    server: dice.one(servers),
    ...(target.kind !== "server" && { [target.kind]: target.name }),
    ...(call !== null && (isTool || target.kind === "prompt") && { arguments: call.args }),
    ...(isTool && { annotations: annotationsOf(target.name) ?? {} }),
  };
  return { identity, request, at: new Date(nowMs).toISOString(), ip };
}

/** What is asked, as the gateway would read it. */
function readWritten({ identity, request, at, ip }: Written) {
  const subject = readSubject(identitySchema.parse(identity));
  const question = readQuestion(subject, requestSchema.parse(request), { atMs: Date.parse(at), ip });
  if (typeof question === "string") throw new Error(question);
  return question;
}

describe("what is said of a question", () => {
  it("by explain is the answer, with findings that add up to it", () => {
    fc.assert(
      fc.property(situations, ({ program, questions, files, conditions }) => {
        for (const written of questions) {
          const question = readWritten(written);
          const said = decide({ files, conditions, ...question }, false);
          const explanation = explainQuestion(program, question);
          const { effect, rule, certain } = explanation.answer.verdict;
          expect({ effect, rule, certain }).toEqual({ effect: said.effect, rule: said.rule, certain: said.certain });
          if (said.certain && question.target.kind !== "server") expect(sumUp(explanation)).toBe(said.effect);
          const deciding = explanation.rules.filter((finding) => decides(explanation, finding));
          expect(deciding.map((finding) => finding.rule.name)).toEqual(said.rule === null ? [] : [said.rule]);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("by a suite that expects it is that it passes, and by one that expects anything else that it fails", () => {
    fc.assert(
      fc.property(situations, ({ program, questions, files, conditions }) => {
        for (const written of questions) {
          const said = decide({ files, conditions, ...readWritten(written) } satisfies Given, false);
          // What is not certain even so, of templates and servers, is about all of their expansions and calls.
          for (const effect of ["allow", "deny", "challenge"]) {
            expect(run(program, written, { expect: effect })).toHaveLength(effect === said.effect ? 0 : 1);
          }
          expect(run(program, written, null)).toHaveLength(said.effect === "deny" ? 0 : 1);
          if (said.rule !== null) {
            expect(run(program, written, { expect: said.effect, rule: said.rule })).toEqual([]);
            expect(run(program, written, { expect: said.effect, rule: "another" })).toHaveLength(1);
          }
        }
      }),
      { numRuns: 150 },
    );
  });
});

/** What rules amount to that come out like this, each by itself. */
function sumUp({ rules }: Explanation): Said["effect"] {
  const results = (effect: "allow" | "deny") =>
    new Set(rules.filter(({ rule }) => rule.effect === effect && !rule.shadow).map(({ result }) => result));
  const [denies, allows] = [results("deny"), results("allow")];
  if (denies.has("holds") || denies.has("error")) return "deny";
  if (allows.has("holds")) return "allow";
  return allows.has("unproved") ? "challenge" : "deny";
}

/** Failures of a suite with one question; without a test it must be denied. */
function run(program: Program, { identity, request, at, ip }: Written, test: object | null): string[] {
  const tests = test === null ? [] : [{ name: "t", identities: ["who"], requests: ["what"], ...test }];
  const suite = { version: 1, identities: { who: identity }, requests: { what: request }, at, ip, tests };
  return failuresOf(runOf(program, JSON.stringify(suite)));
}
