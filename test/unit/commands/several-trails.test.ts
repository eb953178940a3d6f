/** Replicas write a trail each: what commands say of several at once. */
import { readFile, symlink } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import { describe, expect, it } from "vitest";
import { auditCommand } from "../../../src/commands/audit.ts";
import type { StreamIo } from "../../../src/commands/io.ts";
import { policyCommand } from "../../../src/commands/policy.ts";
import { sessionCommand } from "../../../src/commands/session.ts";
import { writeTree } from "../config/fixture.ts";
import { sealedLine, trailOf } from "./policies.ts";
import { run } from "./run.ts";

const policy = (tools: string) => `version: 1
roles:
  reader:
    allow: [{ id: read, server: weather, tools: ${tools} }]
    deny: [{ id: try-out, server: weather, tools: [history], mode: shadow }]
bindings: [{ roles: [reader], groups: [analysts] }]
`;
const shadow = { effect: "deny", rule: "try-out", policy: "policies/a.yaml:5" } as const;
const time = (seconds: number) => new Date(Date.now() - 60_000 + seconds * 1_000).toISOString();

/** Two gateways, of which the second has two workers; `history` was called at that one alone. */
async function makeReplicas(): Promise<string> {
  const directory = await writeTree({
    "old/a.yaml": policy("[forecast, history]"),
    "new/a.yaml": policy("[forecast]"),
    "one/audit.jsonl": trailOf({ id: "aaaaaaaa-1", time: time(1) }, { id: "aaaaaaaa-4", time: time(4) }),
    "two/audit.jsonl": trailOf({ id: "bbbbbbbb-2", time: time(2) }, { id: "bbbbbbbb-5", time: time(5) }),
    "two/audit-2.jsonl": trailOf({ id: "cccccccc-3", time: time(3), tool: "history", decision: { shadow } }),
    "sealed.jsonl": sealedLine(1),
    "noise.jsonl": "this is no trail\n",
  });
  await symlink(join(directory, "one"), join(directory, "link"));
  return directory;
}

const commands = { audit: auditCommand, policy: policyCommand, session: sessionCommand };

/** Runs a command; `{}` stands for the directory. */
async function say(directory: string, line: string) {
  const [name = "", ...words] = line.split(" ").map((word) => word.replace("{}", directory));
  const make = commands[name as keyof typeof commands] as (io: StreamIo) => Command;
  const { out, err, codes } = await run((io) => make({ ...io, drained: async () => true }), ...words);
  return { out, err, code: codes.at(-1) };
}

const both = "--audit {}/one --audit {}/two";
const numbersOf = (out: string) => [...out.matchAll(/(?:aaaaaaaa|bbbbbbbb|cccccccc)-(\d)/g)].map(([, n]) => n).join("");

describe("of several trails", () => {
  it.each([
    ["are searched", "audit search --json", "12345"],
    ["are searched up to a limit", "audit search --json --limit 3", "123"],
    ["have last records", "audit tail --json -n 2", "45"],
    ["are exported", "audit export --format jsonl", "12345"],
  ])("the records %s by time", async (_what, line, numbers) => {
    const { out, code } = await say(await makeReplicas(), `${line} ${both}`);
    expect([code, numbersOf(out)]).toEqual([0, numbers]);
  });

  it("the records are added up", async () => {
    const { out } = await say(await makeReplicas(), `audit stats --json ${both}`);
    expect(JSON.parse(out)).toMatchObject({ records: 5, decisions: { allow: 5 } });
  });

  it("a grant is used that one of them has a use of", async () => {
    const directory = await makeReplicas();
    const review = async (trails: string) => {
      const { out } = await say(directory, `policy review -p {}/old --json ${trails}`);
      const { grants, trail } = JSON.parse(out) as {
        grants: { who: string; pattern: string; uses: number }[];
        trail: object;
      };
      const ofAlice = grants.filter(({ who }) => who.startsWith("alice"));
      return { trail, uses: Object.fromEntries(ofAlice.map(({ pattern, uses }) => [pattern, uses])) };
    };
    expect((await review("--audit {}/one")).uses).toEqual({ forecast: 2, history: 0 });
    expect(await review(both)).toMatchObject({
      trail: { paths: [join(directory, "one"), join(directory, "two")], records: 5 },
      uses: { forecast: 4, history: 1 },
    });
    const shown = `${join(directory, "one")}, ${join(directory, "two")}: 5 records`;
    expect((await say(directory, `policy review -p {}/old ${both}`)).out).toContain(`trail ${shown}\n`);
    expect((await say(directory, `policy review -p {}/old --markdown - ${both}`)).out).toContain(shown);
  });

  it("a request is explained that any of them has", async () => {
    const directory = await makeReplicas();
    const explain = (id: string, trails: string) => say(directory, `policy explain ${id} -p {}/old ${trails}`);
    expect(await explain("cccccccc", both)).toMatchObject({ code: 0, out: expect.stringContaining("ALLOWED") });
    expect((await explain("cccccccc", "--audit {}/one")).code).toBe(2);
    const none = `there is no record of this request in ${directory}/one, ${directory}/two`;
    expect(await explain("dddddddd", both)).toMatchObject({ code: 2, err: expect.stringContaining(none) });
  });

  it("the calls are put to a policy, and rules in shadow reported", async () => {
    const directory = await makeReplicas();
    const lost = "1 recorded call would be decided otherwise, of 5 that a policy was asked about (5 records)";
    for (const line of [
      `policy simulate -p {}/new ${both}`,
      "policy diff {}/old {}/new --replay {}/one --replay {}/two",
    ]) {
      expect(await say(directory, line)).toMatchObject({ code: 1, out: expect.stringContaining(lost) });
    }
    const { out } = await say(directory, `policy simulate --shadow-report ${both}`);
    expect(out).toContain(
      "rules in shadow would have denied 1 call, allowed 0, and asked for more proof in 0 (5 records)",
    );
  });

  it("none is passed over because another has records", async () => {
    const directory = await makeReplicas();
    const trails = "--audit {}/one --audit {}/noise.jsonl";
    const noise = `${directory}/noise.jsonl: no line of it is an audit record\n`;
    expect(await say(directory, `policy review -p {}/old ${trails}`)).toEqual({ code: 2, out: "", err: noise });
    for (const line of ["audit search", "audit stats", "audit tail", "policy review -p {}/old"]) {
      const said = await say(directory, `${line} --audit {}/one --audit {}/none`);
      expect(said).toEqual({ code: 2, out: "", err: `${directory}/none: there is no such file or directory\n` });
    }
  });

  it("it is said of what cannot be read", async () => {
    const directory = await makeReplicas();
    const trails = "--audit {}/one --audit {}/sealed.jsonl";
    const { out, err } = await say(directory, `policy review -p {}/old -c {}/none.yaml --json ${trails}`);
    expect(JSON.parse(out)).toMatchObject({ trail: { records: 3, unread: 1 } });
    expect(err).toContain("there are encrypted records, and no keys");
  });

  it("none is written over by an export", async () => {
    const directory = await makeReplicas();
    const before = await readFile(join(directory, "two/audit.jsonl"), "utf8");
    const line = `audit export --format jsonl --force --out {}/two/audit.jsonl ${both}`;
    expect(await say(directory, line)).toMatchObject({ code: 2, err: expect.stringContaining("a file of the trail") });
    expect(await readFile(join(directory, "two/audit.jsonl"), "utf8")).toBe(before);
  });
});

describe("a trail that is named twice is refused", () => {
  it.each([
    "audit search --audit",
    "audit tail --audit",
    "audit stats --json --audit",
    "audit export --format jsonl --audit",
    "policy review -p {}/old --audit",
    "policy explain aaaaaaaa -p {}/old --audit",
    "policy simulate -p {}/old --audit",
    "policy simulate --shadow-report --audit",
    "policy diff {}/old {}/new --replay",
    "session list --audit",
  ])("by %s", async (line) => {
    const directory = await makeReplicas();
    const option = line.split(" ").at(-1);
    const said = await say(directory, `${line} {}/one ${option} {}/two ${option} {}/link`);
    const err = `${directory}/one and ${directory}/link: both have the same records; name a trail once\n`;
    expect(said.code).toBe(2);
    expect(said.out + said.err).toContain(line.includes("--json") ? "name a trail once" : err);
  });
});
