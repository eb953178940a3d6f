/** Commands need no more of a configuration than they use. */
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { auditCommand } from "../../../src/commands/audit.ts";
import { checkCommand } from "../../../src/commands/check.ts";
import type { CommandIo } from "../../../src/commands/io.ts";
import { policyCommand } from "../../../src/commands/policy.ts";
import { tokenCommand } from "../../../src/commands/token.ts";
import { loadConfig } from "../../../src/config/load.ts";
import { configWith, policy, writeTree } from "../config/fixture.ts";
import { run } from "./run.ts";

const suite = `version: 1
identities: { ann: { subject: ann, groups: [analysts] } }
requests: { read: { server: weather, tool: forecast } }
tests: [{ name: analysts read, identities: [ann], requests: [read], expect: allow }]
`;
const sound = {
  "sallyport.yaml": configWith(),
  "policies/a.yaml": policy,
  "policies/a_test.yaml": suite,
  "data/audit/audit.jsonl!": "",
};

const commands = {
  "token mint": [tokenCommand, "mint", "--subject", "ann"],
  "audit verify": [auditCommand, "verify"],
  "policy simulate --shadow-report": [policyCommand, "simulate", "--shadow-report"],
  "policy simulate": [policyCommand, "simulate"],
  "policy review": [policyCommand, "review"],
  "policy explain": [
    policyCommand,
    "explain",
    ..."--subject ann --groups analysts --server weather --tool forecast".split(" "),
  ],
  "policy test": [policyCommand, "test"],
} as const;
type Name = keyof typeof commands;
const ofPolicies: readonly Name[] = ["policy simulate", "policy review", "policy explain", "policy test"];
const needNoPolicy = (Object.keys(commands) as Name[]).filter((name) => !ofPolicies.includes(name));
const all = Object.keys(commands) as Name[];

/** What is wrong with a configuration, whom it must not disturb, and the key that everybody else names. */
const faults: readonly [string, Record<string, string>, readonly Name[], RegExp][] = [
  [
    "a policy that does not parse",
    { "policies/a.yaml": "version: 1\nroles: [\n" },
    needNoPolicy,
    /policies\/a\.yaml:3:1/,
  ],
  [
    "a policy that is not there",
    { "sallyport.yaml": configWith().replace("*.yaml", "b.yaml") },
    needNoPolicy,
    /policies\/b\.yaml:1:1: there is no such file/,
  ],
  [
    "a server whose URL and credentials are gone",
    {
      "sallyport.yaml": configWith("", `    credentials: { bearer: "\${file:gone.token}" }\n`).replace(
        /http:\/\/.*/,
        `\${file:gone.url}`,
      ),
    },
    all,
    /servers\.weather\.url: there is no such file/,
  ],
  [
    "an issuer that a variable names",
    { "sallyport.yaml": configWith(`identity: { issuers: { corp: { issuer: "\${NOWHERE}" } } }\n`) },
    all,
    /identity\.issuers\.corp\.issuer: the environment variable NOWHERE is not set/,
  ],
  [
    "a Redis that a variable names",
    { "sallyport.yaml": configWith(`state: { redis: "\${NOWHERE}" }\n`) },
    all,
    /state\.redis/,
  ],
  [
    "a certificate that is not there",
    { "sallyport.yaml": configWith("listen: { tls: { cert: no.pem, key: no.key } }\n") },
    all,
    /listen\.tls\.cert/,
  ],
  ["a setting that nobody knows", { "sallyport.yaml": configWith("limits: { adress: {} }\n") }, all, /limits\.adress/],
  [
    "an audit directory that is no text",
    { "sallyport.yaml": configWith("audit: { directory: [] }\n") },
    ["token mint", "policy explain", "policy test"],
    /audit\.directory: expected text/,
  ],
  [
    "another version",
    { "sallyport.yaml": configWith().replace("version: 1", "version: 2") },
    [],
    /version: expected 1/,
  ],
];

const cases = faults.flatMap(([fault, files, undisturbed, problem]) =>
  all.map((name) => ({ name, fault, files, problem, runs: undisturbed.includes(name) })),
);

describe.each(faults)("%s", (_fault, files, _undisturbed, problem) => {
  it("is told by check, and no gateway is made of it", async () => {
    const file = join(await writeTree({ ...sound, ...files }), "sallyport.yaml");
    const { err, codes } = await run(checkCommand, "-c", file);
    expect(codes).toEqual([1]);
    expect(err).toMatch(problem);
    await expect(loadConfig(file)).rejects.toThrow();
  });
});

it.each(cases)("$name with $fault: $runs", async ({ name, files, problem, runs }) => {
  const file = join(await writeTree({ ...sound, ...files }), "sallyport.yaml");
  const [make, ...words] = commands[name];
  const { err, codes } = await run(make as (io: CommandIo) => ReturnType<typeof checkCommand>, ...words, "-c", file);
  expect(codes).toEqual([runs ? 0 : 2]);
  if (runs) expect(err).toBe("");
  else expect(err).toMatch(problem);
});
