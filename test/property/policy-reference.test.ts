import { describe, expect, it } from "vitest";
import { checkPolicies } from "../../src/policy/check.ts";
import { compilePolicy } from "../../src/policy/compile.ts";
import { judge, rehearse, type Verdict, viewOf } from "../../src/policy/evaluate.ts";
import { readPolicies } from "../../src/policy/load.ts";
import { Dice, makeCircumstances, makeFiles, makeSubject, makeTarget, servers } from "../fixtures/policy-generator.ts";
import { decide, type Given, type Tree } from "../fixtures/policy-reference.ts";

/** Questions altogether, and to each policy. */
const questions = Number(process.env.POLICY_QUESTIONS ?? 100_000);
const toEach = 40;

/** Another seed asks other questions; one that found something can be asked again. */
const firstSeed = Number(process.env.POLICY_SEED ?? 1);

/** Policies of one test, which takes some seconds. */
const together = 250;
const endSeed = firstSeed + questions / toEach;
const firstSeeds = Array.from(
  { length: Math.ceil((endSeed - firstSeed) / together) },
  (_, at) => firstSeed + at * together,
);

describe(`${questions} random questions`, () => {
  const seen = new Map<string, number>();

  it.each(firstSeeds)("are decided as the plain reference does, from seed %i on", (first) => {
    for (let seed = first; seed < Math.min(first + together, endSeed); seed++) {
      const dice = new Dice(seed);
      const conditions = new Map<string, Tree>();
      const files = makeFiles(dice, conditions);
      const reading = readPolicies(Object.entries(files).map(([file, data]) => ({ file, text: JSON.stringify(data) })));
      const { sources, roleNames } = reading;
      const checked = checkPolicies(sources, { servers, issuers: ["corp", "builtin"], roleNames });
      expect([...reading.problems, ...checked.problems], `seed ${seed}`).toEqual([]);
      const program = compilePolicy(sources, servers);
      for (let index = 0; index < toEach; index++) {
        const [subject, server, target] = [makeSubject(dice), dice.one(servers), makeTarget(dice)];
        const given: Given = { files, conditions, subject, server, target, circumstances: makeCircumstances(dice) };
        const view = viewOf(program, subject, server);
        const verdict = judge(view, target, given.circumstances);
        const rehearsed = rehearse(view, target, given.circumstances) ?? verdict;
        const [expected, expectedRehearsed] = [decide(given, false), decide(given, true)];
        if (differs(verdict, expected) || differs(rehearsed, expectedRehearsed)) {
          const story = JSON.stringify({ seed, index, ...given }, null, 1);
          expect({ story, verdict: pick(verdict), rehearsed: pick(rehearsed) }).toEqual({
            story,
            verdict: expected,
            rehearsed: expectedRehearsed,
          });
        }
        const kind = `${target.kind} ${verdict.effect} ${verdict.reason} ${verdict.certain ? "" : "maybe"}`.trim();
        seen.set(kind, (seen.get(kind) ?? 0) + 1);
      }
    }
  });

  // A generator that only ever asked for what is denied would find nothing.
  it("are of every kind, and come out in every way", () => {
    for (const kind of ["tool", "prompt", "resource", "template"])
      for (const end of [
        "allow allowed",
        "allow allowed maybe",
        "deny denied_by_rule",
        "deny condition_failed",
        "challenge unproved",
      ])
        expect(seen.get(`${kind} ${end}`) ?? 0, `${kind} ${end}`).toBeGreaterThanOrEqual(
          Math.floor(questions / 10_000),
        );
  });
});

function pick({ effect, reason, rule, missing, certain }: Verdict) {
  return { effect, reason, rule, missing, certain };
}

function differs(verdict: Verdict, expected: object): boolean {
  return JSON.stringify(pick(verdict)) !== JSON.stringify(expected);
}
