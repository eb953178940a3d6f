import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { checkPolicies } from "../../../src/policy/check.ts";
import { compilePolicy } from "../../../src/policy/compile.ts";
import type { Verdict } from "../../../src/policy/evaluate.ts";
import { factBits } from "../../../src/policy/facts.ts";
import { readPolicies } from "../../../src/policy/load.ts";
import {
  answerQuestion,
  identitySchema,
  type Question,
  readQuestion,
  readSubject,
  requestSchema,
} from "../../../src/policy/question.ts";
import { noonMs } from "../../fixtures/policy.ts";

/** Every file here is a policy and questions to it; adding a case is adding a line. */
const directory = new URL("../../golden/policy/", import.meta.url);

const name = z.string().min(1);
const effect = z.enum(["allow", "deny", "challenge"]);
const verdict = { effect, rule: name.optional(), reason: name.optional() };

const caseSchema = z.strictObject({
  about: name,
  who: z.union([name, z.unknown()]),
  ...requestSchema.shape,
  server: name.optional(),
  /** When it is asked; null where nobody says. Default: noon. */
  at: name.nullish(),
  /** From where; null where nobody says. Default: this machine. */
  ip: name.nullish(),
  /** Asked while listing, before there is a call. */
  list: z.literal(true).optional(),
  /** The server has not listed the tool yet. */
  unlisted: z.literal(true).optional(),
  expect: z.union([
    z.strictObject({ refused: name }),
    z.strictObject({
      ...verdict,
      certain: z.boolean().default(true),
      missing: z.record(z.string(), z.unknown()).optional(),
      limit: z.record(z.string(), z.unknown()).optional(),
      /** What it would be with the rules in shadow; left out where that is the same. */
      shadow: z.strictObject(verdict).optional(),
    }),
  ]),
});

const fileSchema = z.strictObject({
  servers: z.array(name),
  identities: z.record(name, z.unknown()),
  policy: z.unknown().optional(),
  policies: z.array(z.unknown()).optional(),
  cases: z.array(caseSchema),
});

type Case = z.output<typeof caseSchema>;
type File = z.output<typeof fileSchema>;

const files = readdirSync(directory)
  .filter((file) => file.endsWith(".yaml"))
  .map((file) => ({ file, ...fileSchema.parse(parse(readFileSync(new URL(file, directory), "utf8"))) }));

function compile({ servers, policy, policies = [policy] }: File) {
  const texts = policies.map((each, index) => ({ file: `${index}.yaml`, text: JSON.stringify(each) }));
  const { sources, problems, roleNames } = readPolicies(texts);
  const issuers = ["builtin", "corp", "other"];
  expect([...problems, ...checkPolicies(sources, { servers, issuers, roleNames }).problems]).toEqual([]);
  return compilePolicy(sources, servers);
}

function ask({ servers, identities }: File, given: Case): Question | string {
  const { about, who, at, ip, list, unlisted, expect: _, server = servers[0] ?? "", ...rest } = given;
  const identity = typeof who === "string" ? identities[who] : who;
  const args = rest.arguments && (inflate(rest.arguments) as typeof rest.arguments);
  const request = { ...rest, ...(args && { arguments: args }) };
  const question = readQuestion(
    readSubject(identitySchema.parse(identity)),
    requestSchema.parse({ server, ...request }),
    {
      atMs: at === null ? undefined : at === undefined ? noonMs : Date.parse(at),
      ip: ip === null ? undefined : (ip ?? "127.0.0.1"),
    },
  );
  if (typeof question === "string") return question;
  const { circumstances } = question;
  const listed = unlisted === undefined;
  return {
    ...question,
    circumstances: {
      ...circumstances,
      call: list === true ? null : circumstances.call,
      annotationsOf: listed ? circumstances.annotationsOf : () => undefined,
      unknown: (circumstances.unknown ?? 0) & ~(listed ? 0 : factBits.annotations),
    },
  };
}

/** `1000 zeros` is a list, `1000 zeros as text` a text. */
function inflate(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inflate);
  if (typeof value === "object" && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, inflate(each)]));
  const [, count, text] = /^(\d+) zeros( as text)?$/.exec(String(value)) ?? [];
  if (count === undefined) return value;
  return text === undefined ? new Array(Number(count)).fill(0) : "0".repeat(Number(count));
}

const nothingMissing = { scopes: [], acr: [], amr: [], maxAge: null, certificate: false, proof: false };

/** What is not said of a verdict follows from the rest. */
function complete({ effect, rule, reason }: { effect: Verdict["effect"]; rule?: string; reason?: string }) {
  const usual = { allow: "allowed", challenge: "unproved", deny: rule === undefined ? "no_rule" : "denied_by_rule" };
  return { effect, rule: rule ?? null, reason: reason ?? usual[effect] };
}

describe.each(files)("$file", (file) => {
  const program = compile(file);

  it.each(file.cases)("$about", (given) => {
    const question = ask(file, given);
    if ("refused" in given.expect) {
      expect(question).toBe(given.expect.refused);
      return;
    }
    const { certain, missing, limit = null, shadow, ...said } = given.expect;
    const answer = answerQuestion(program, question as Question);
    expect(answer.verdict).toMatchObject({
      ...complete(said as Verdict & { rule?: string }),
      certain,
      limit,
      missing: missing === undefined ? null : { ...nothingMissing, ...missing },
    });
    const place = answer.verdict.rule === null ? null : expect.stringMatching(/^\d\.yaml:\d+$/);
    expect(answer.verdict.policy).toEqual(place);
    const rehearsed = answer.rehearsed ?? answer.verdict;
    expect(rehearsed).toMatchObject(complete((shadow ?? said) as Verdict & { rule?: string }));
  });
});

it("has a good number of cases, each with a name of its own", () => {
  const names = files.flatMap(({ file, cases }) => cases.map(({ about }) => `${file}: ${about}`));
  expect(names.length).toBeGreaterThanOrEqual(150);
  expect(new Set(names).size).toBe(names.length);
});
