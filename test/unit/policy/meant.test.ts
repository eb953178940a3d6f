import { expect, it } from "vitest";
import { compileCondition } from "../../../src/policy/condition/condition.ts";

function hintsFor(text: string): (string | undefined)[] {
  const compiled = compileCondition(text);
  return "outcomes" in compiled ? [] : compiled.map(({ hint }) => hint);
}

const member = "y in x of a list, or x.contains(y) of text,";
const exists = "x.exists(y, …)";

/** What CEL writes for functions of other languages. */
it.each([
  ["jwt.a.includes('b')", member],
  ["jwt.a.indexOf('b') >= 0", member],
  ["jwt.a.match('b')", "x.matches(y)"],
  ["jwt.a.test('b')", "x.matches(y)"],
  ["jwt.a.search('b')", "x.matches(y)"],
  ["jwt.a.some(1)", exists],
  ["jwt.a.any(1)", exists],
  ["jwt.a.find(1)", exists],
  ["jwt.a.every(1)", "x.all(y, …)"],
  ["len(jwt.a) > 1", "size(x)"],
  ["jwt.a.length() > 1", "size(x)"],
  ["jwt.a.count() > 1", "size(x)"],
  ["Number(jwt.a) > 1.0", "double(x)"],
  ["parseInt(jwt.a) > 1", "int(x)"],
  ["parseFloat(jwt.a) > 1.0", "double(x)"],
  ["float(jwt.a) > 1.0", "double(x)"],
  ["str(jwt.a) == 'b'", "string(x)"],
  ["jwt.a.toString() == 'b'", "string(x)"],
  ["Date('2026-01-01') < now", 'timestamp("2026-12-31T18:00:00Z")'],
  ["jwt.hasOwnProperty('a')", "has(x.y)"],
  ["jwt.a.lower() == 'b'", 'x.matches("(?i)…")'],
  ["jwt.a.toLowerCase() == 'b'", 'x.matches("(?i)…")'],
  ["jwt.a.upper() == 'B'", 'x.matches("(?i)…")'],
  ["jwt.a.toUpperCase() == 'B'", 'x.matches("(?i)…")'],
])("%s is written in another way", (text, form) => {
  const [name] = /\w+(?=\()/.exec(text) ?? [];
  expect(hintsFor(text)).toEqual([`CEL writes ${form} for ${name}`]);
});

/** What is known, in another form than it was written in. */
it.each([
  ["has('a')", "write has(x.y)"],
  ["all(jwt.a)", "write x.all(y, …)"],
  ["exists(jwt.a)", "write x.exists(y, …)"],
  ["exists_one(jwt.a)", "write x.exists_one(y, …)"],
  ["filter(jwt.a)", "write x.filter(y, …)"],
  ["map(jwt.a)", "write x.map(y, …)"],
  ["contains(jwt.a, 'b')", "write x.contains(y)"],
  ["jwt.a.int() > 1", "write int(x)"],
  ["getHours(now) > 1", "write x.getHours()"],
  ["jwt.a.sizes() > 1", 'did you mean "size"?'],
  ["jwt.a.exist(1)", 'did you mean "exists"?'],
  ["not(jwt.a)", "CEL writes ! for not"],
  ["jwt.a.frobnicate()", undefined],
])("%s has another form", (text, hint) => {
  expect(hintsFor(text)).toEqual([hint]);
});
