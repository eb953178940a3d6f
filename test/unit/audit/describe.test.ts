import { expect, test } from "vitest";
import { describeArguments, type Facts } from "../../../src/audit/describe.ts";
import type { ArgumentRules } from "../../../src/audit/recording.ts";
import { markTextOf } from "../../../src/audit/sanitize/keyed-mark.ts";
import { compileOwnNames } from "../../../src/audit/sanitize/own-names.ts";
import { fingerprint } from "../../fixtures/keyed.ts";

const args = { note: "x", password: "hunter2", city: "Oslo" };

/** What a record says of a call's arguments. */
function recordedArguments(server: string, rules: ReadonlyMap<string, ArgumentRules> | null) {
  const facts = {
    route: { kind: "mcp", server },
    message: { kind: "request", method: "tools/call", targets: [], args, bytes: Buffer.alloc(0) },
  } as unknown as Facts;
  return describeArguments(facts, rules && { policies: "hash", args: rules }, fingerprint);
}

const digest = fingerprint("audit-args", JSON.stringify(args));
const [note, password] = ["x", "hunter2"].map((secret) => `[${markTextOf(secret, fingerprint)}]`);
const rules = new Map<string, ArgumentRules>([
  ["careful", { own: compileOwnNames(["note"], []), digestOnly: false }],
  ["closed", { own: null, digestOnly: true }],
]);

test.each([
  ["open", rules, { digest, view: { note: "x", password, city: "Oslo" } }],
  ["careful", rules, { digest, view: { note, password, city: "Oslo" } }],
  ["closed", rules, { digest }],
  ["closed", null, { digest, view: { note: "x", password, city: "Oslo" } }],
] as const)("the arguments of a call to %s", (server, recorded, expected) => {
  expect(recordedArguments(server, recorded)).toEqual(expected);
});
