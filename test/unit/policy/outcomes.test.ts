import { describe, expect, it } from "vitest";
import { factBits } from "../../../src/policy/facts.ts";
import { evaluate } from "../../fixtures/condition.ts";

const answers = ["true", "false", "error"] as const;
type Answer = (typeof answers)[number];

/** Expressions by how they may come out; the address is not known. */
const samples: Readonly<Record<string, string>> = {
  true: "true",
  false: "false",
  error: "jwt.gone == 1",
  "true or error": "(peer.ip == 'a' || jwt.gone == 1)",
  "false or error": "(peer.ip == 'a' && jwt.gone == 1)",
  "true or false or error": "peer.ip == 'a'",
};
const sets = Object.keys(samples);

/** What the specification says of operators (cel-spec, Logical Operators). */
const operators: [string, (...operands: Answer[]) => Answer, (...operands: string[]) => string][] = [
  [
    "and",
    (...both) => (both.includes("false") ? "false" : both.includes("error") ? "error" : "true"),
    (one, other) => `${one} && ${other}`,
  ],
  [
    "or",
    (...both) => (both.includes("true") ? "true" : both.includes("error") ? "error" : "false"),
    (one, other) => `${one} || ${other}`,
  ],
  ["not", (one) => (one === "true" ? "false" : one === "false" ? "true" : "error"), (one) => `!(${one})`],
  [
    "a choice",
    (test, one, other) => (test === "true" ? one : test === "false" ? other : "error") as Answer,
    (test, one, other) => `${test} ? ${one} : ${other}`,
  ],
];

/** One of each list, in every way. */
function combine(lists: readonly (readonly string[])[]): string[][] {
  return lists.reduce<string[][]>((rows, list) => rows.flatMap((row) => list.map((each) => [...row, each])), [[]]);
}

describe("what may come of an operator is what may come of each way in which its operands may come out", () => {
  it.each(operators)("%s", (_name, decide, write) => {
    for (const given of combine(new Array(write.length).fill(sets))) {
      const possible = combine(given.map((set) => set.split(" or "))).map((row) => decide(...(row as Answer[])));
      const expected = answers.filter((answer) => possible.includes(answer)).join(" or ");
      const when = write(...given.map((set) => samples[set] as string));
      expect([given, evaluate(when, { unknown: factBits.ip })]).toEqual([given, expected]);
    }
  });
});
