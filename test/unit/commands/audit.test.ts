import { existsSync } from "node:fs";
import { chmod, lstat, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { auditCommand } from "../../../src/commands/audit.ts";
import { nameFailure } from "../../../src/commands/policy/records.ts";
import { at, fileOf } from "../audit/lines.ts";
import { writeTree } from "../config/fixture.ts";

const denied = { effect: "deny", rule: null, policy: null, policies: null, reason: "policy_denied" } as const;
const first = [
  { id: "aaaaaaaa-1", time: at(1) },
  { id: "bbbbbbbb-2", time: at(3), decision: { ...denied, detail: "\u001b[31mred" } },
];
const second = [{ id: "cccccccc-3", time: at(2), ms: { total: 7, upstream: 6 } }];

async function makeTrail(): Promise<string> {
  const directory = await writeTree({ "audit.jsonl": fileOf(first, 5), "audit-2.jsonl": fileOf(second) });
  const older = ["dddddddd-4", "eeeeeeee-5"].map((id, index) => ({ id, time: at(index - 9) }));
  await writeFile(join(directory, "audit.000000000003.jsonl.gz"), gzipSync(fileOf(older, 3)));
  return directory;
}

/** @param readers how many lines are read before nobody reads any more */
async function audit(args: readonly string[], readers = Infinity) {
  const said = { out: "", err: "", code: -1 };
  let left = readers;
  const command = auditCommand({
    out: (text) => {
      said.out += text;
      left -= 1;
    },
    err: (text) => {
      said.err += text;
    },
    exit: (code) => {
      said.code = code;
    },
    drained: async () => left > 0,
  });
  await command.parseAsync(args, { from: "user" });
  return said;
}

function idsOf(out: string): string {
  return [...out.matchAll(/^\S+ {2}(\w)\w{7} /gm)].map(([, letter]) => letter).join("");
}

describe("audit search", () => {
  it("prints what fits by time: 0, and 1 where nothing does", async () => {
    const directory = await makeTrail();
    const all = await audit(["search", "--audit", directory]);
    expect([all.code, all.err, idsOf(all.out)]).toEqual([0, "", "deacb"]);
    expect(all.out).toContain(
      `${at(3)}  bbbbbbbb  ann (corp)  weather  tools/call  forecast  deny  policy_denied  200  2.5ms\n`,
    );
    expect(await audit(["search", "--audit", directory, "--subject", "nobody"])).toEqual({ out: "", err: "", code: 1 });
    expect((await audit(["search", "--audit", directory, "--decision", "deny", "RED"])).code).toBe(0);
  });

  it("--json prints the lines as they are", async () => {
    const directory = await makeTrail();
    const { out } = await audit(["search", "--audit", join(directory, "audit.jsonl"), "--json"]);
    expect(out).toBe(await readFile(join(directory, "audit.jsonl"), "utf8"));
  });

  it("shows no character that steers a terminal, whoever wrote it", async () => {
    const text = fileOf(first).replace("forecast", "fore\u009b2Jcast");
    const { out } = await audit(["search", "--audit", await writeTree({ "audit.jsonl": text })]);
    expect(out).toContain("fore\\u{9b}2Jcast");
  });

  it.each([
    [{ event: "auth", action: "login", user: "ann", successful: true }, "ann (builtin)  -  auth login  -  -  -"],
    [
      { event: "auth", action: "login", user: "ann", successful: false, reason: "code_wrong" },
      "auth login  -  -  code_wrong",
    ],
    [
      { event: "auth", action: "token", client: "ci", grant: "client_credentials" },
      "client:ci (builtin)  -  auth token",
    ],
    [{ event: "auth", action: "login-page", client: "ci" }, "-  -  auth login-page  -"],
    [
      { event: "admin", action: "user.add", name: "bob", by: "root", reason: "new here" },
      "root  -  admin user.add  bob  -  -",
    ],
    [{ event: "admin", action: "user.revoke", subject: "bob", by: "root" }, "root  -  admin user.revoke  bob  -  -"],
    [{ event: "admin", action: "client.revoke", client: "app", by: "root" }, "admin client.revoke  app  -  -"],
    [
      { event: "admin", action: "grant.revoke", id: "L3MWgVovFm7PZJTw1uodf6hwKkUmcZuegFqg05ThL0b", by: "root" },
      "admin grant.revoke  L3MWgVovFm7PZJTw1uodf6hwKkUmcZuegFqg05ThL0b  -  -",
    ],
    [
      { event: "auth", action: "browser-end", user: "ann", successful: true, targetId: "6NTnx0e1na1" },
      "auth browser-end  6NTnx0e1na1  -  -",
    ],
    [{ event: "admin", action: "session.revoke", id: "9pb6", by: "root" }, "admin session.revoke  9pb6  -  -"],
    [{ event: "reload", successful: true }, "reload  -  -  -  "],
    [{ event: "reload", successful: false, problems: ["sallyport.yaml:1:1"] }, "reload  -  -  not_reloaded  "],
  ] as const)("says what came of a login, or of a command: %j", async ({ event, ...note }, expected) => {
    const none = { identity: null, server: null, method: null, target: null };
    const entry = { ...none, event, note, decision: { ...denied, effect: null, reason: null } };
    const directory = await writeTree({ "audit.jsonl": fileOf([entry]) });
    expect((await audit(["search", "--audit", directory])).out).toContain(expected);
    const { code } = await audit(["search", "--audit", directory, "--issuer", "builtin", "--subject", "*"]);
    expect(code).toBe(expected.includes("(builtin)") || "user" in note ? 0 : 1);
  });

  it("stops at the limit, and when nobody reads", async () => {
    const directory = await makeTrail();
    expect(idsOf((await audit(["search", "--audit", directory, "--limit", "2"])).out)).toBe("de");
    const left = await audit(["search", "--audit", directory], 1);
    expect([left.code, idsOf(left.out)]).toEqual([0, "d"]);
  });

  it("says that a path was taken for a text", async () => {
    const directory = await makeTrail();
    const { code, err } = await audit(["search", directory, "--audit", directory]);
    expect([code, err]).toEqual([1, expect.stringContaining("a trail is named with --audit")]);
  });
});

describe("what cannot be done: 2", () => {
  it.each<[string[], string]>([
    [["search", "--audit", "/nowhere"], "/nowhere: there is no such file or directory"],
    [["search", "--audit", "/nowhere", "--reason", "polcy_denied"], 'did you mean "policy_denied"'],
    [["tail", "--audit", "/nowhere"], "/nowhere: there is no such file or directory"],
    [["export", "--audit", "/nowhere", "--format", "csv"], "/nowhere: there is no such file or directory"],
    [["stats", "--audit", "/nowhere", "--ip", "x"], '--ip "x" is no address'],
    [["stats", "-c", "/nowhere/sallyport.yaml"], "/nowhere/sallyport.yaml:1:1: there is no such file"],
  ])("%j", async (args, reason) => {
    const { out, err, code } = await audit(args);
    expect([code, out]).toEqual([2, ""]);
    expect(err).toContain(reason);
  });
});

describe("audit tail", () => {
  it.each([
    ["0", ""],
    ["1", "b"],
    ["2", "cb"],
    ["4", "eacb"],
    ["10", "deacb"],
  ])("-n %s prints the last ones of all trails", async (lines, expected) => {
    const { out, code } = await audit(["tail", "--audit", await makeTrail(), "-n", lines]);
    expect([code, idsOf(out)]).toEqual([0, expected]);
  });

  it("counts what fits", async () => {
    const { out } = await audit(["tail", "--audit", await makeTrail(), "-n", "2", "--decision", "allow"]);
    expect(idsOf(out)).toBe("ac");
  });

  it("prints any number of lines, and no more than are read", async () => {
    const directory = await writeTree({});
    // As many as are too many arguments of one function.
    const closed = join(directory, "audit.000000000001.jsonl.gz");
    await writeFile(closed, gzipSync(fileOf(first.slice(0, 1)).repeat(130_000)));
    const { out, code, err } = await audit(["tail", "--audit", directory, "-n", "129000"], 1);
    expect([idsOf(out), code, err]).toEqual(["a", 0, ""]);
  });
});

describe("audit export", () => {
  it("prints a head once, and the records that fit", async () => {
    const { out, code } = await audit(["export", "--audit", await makeTrail(), "--format", "csv", "--id", "cccccccc"]);
    expect(code).toBe(0);
    expect(out.split("\r\n").map((row) => row.slice(0, 10))).toEqual(["time,trail", "2026-08-01", ""]);
  });

  it("writes a file for its owner alone, and overwrites one only when told", async () => {
    const directory = await makeTrail();
    const file = join(directory, "out.cef");
    const write = (...args: string[]) =>
      audit(["export", "--audit", directory, "--format", "cef", "--out", file, ...args]);
    expect(await write()).toEqual({ out: "", err: "", code: 0 });
    expect((await readFile(file, "utf8")).split("\n")).toHaveLength(6);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    await chmod(file, 0o644);
    expect(await write("--id", "cccccccc")).toMatchObject({ code: 2, err: expect.stringContaining("--force") });
    expect((await readFile(file, "utf8")).split("\n")).toHaveLength(6);
    expect((await write("--id", "cccccccc", "--force")).code).toBe(0);
    expect((await readFile(file, "utf8")).split("\n")).toHaveLength(2);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it("leaves the file that it should replace as it was until there is another, behind a link as well", async () => {
    const directory = await makeTrail();
    const [file, link] = [join(directory, "out.csv"), join(directory, "link.csv")];
    await writeFile(file, "before");
    await symlink(file, link);
    const write = (trail: string) => audit(["export", "--audit", trail, "--format", "csv", "--out", link, "--force"]);
    const good = join(directory, "audit-2.jsonl");
    const broken = join(directory, "audit.000000000004.jsonl.gz");
    await writeFile(broken, "broken");
    for (const trail of [directory, "/nowhere"]) expect((await write(trail)).code).toBe(2);
    expect(await readFile(file, "utf8")).toBe("before");
    expect((await write(good)).code).toBe(0);
    expect(await readFile(file, "utf8")).toContain("cccccccc-3");
    expect((await lstat(link)).isSymbolicLink()).toBe(true);
    expect((await readdir(directory)).filter((name) => name.startsWith("out"))).toEqual(["out.csv"]);
  });

  it.each(["audit.jsonl", "audit-2.jsonl", "audit.000000000003.jsonl.gz"])(
    "writes over no file of the trail that it reads: %s",
    async (name) => {
      const directory = await makeTrail();
      const file = join(directory, name);
      const before = await readFile(file);
      const args = ["export", "--audit", directory, "--format", "jsonl", "--out", file, "--force"];
      expect(await audit(args)).toEqual({ out: "", err: `${file}: this is a file of the trail itself\n`, code: 2 });
      expect((await readFile(file)).equals(before)).toBe(true);
    },
  );

  it("leaves no half of a file", async () => {
    const directory = await makeTrail();
    await writeFile(join(directory, "audit.000000000004.jsonl.gz"), "broken");
    const file = join(directory, "out.csv");
    const { code, err } = await audit(["export", "--audit", directory, "--format", "csv", "--out", file]);
    expect([code, err]).toEqual([2, expect.stringContaining("audit.000000000004.jsonl.gz: it cannot be read")]);
    expect(existsSync(file)).toBe(false);
  });

  it("says when it cannot write", async () => {
    const { code, err } = await audit([
      "export",
      "--audit",
      await makeTrail(),
      "--format",
      "ecs",
      "--out",
      "/nowhere/x",
    ]);
    expect([code, err]).toEqual([2, "/nowhere/x: its directory is not there\n"]);
  });

  it.runIf(existsSync("/dev/full"))("says that it is the export that has no room", async () => {
    const args = ["export", "--audit", await makeTrail(), "--format", "ecs", "--out", "/dev/full", "--force"];
    const { code, err } = await audit(args);
    expect([code, err]).toEqual([2, "/dev/full: it cannot be written (ENOSPC)\n"]);
  });
});

describe("audit stats", () => {
  it("for people", async () => {
    const { out, code } = await audit(["stats", "--audit", await makeTrail()]);
    expect(code).toBe(0);
    expect(out).toBe(`5 records, from ${at(-9)} to ${at(3)}
calls: 4 allowed, 1 denied, 0 without a decision

by reason:
  policy_denied  1

by person:
              calls  denied  failed  last seen
  ann (corp)  5      1       0       ${at(3)}

by tool:
                    calls  denied  failed  median  p99
  weather forecast  5      1       0       2.5ms   6.9ms

by server:
           calls  denied  failed  median  p99
  weather  5      1       0       2.5ms   6.9ms
`);
  });

  it("of those that fit, as JSON", async () => {
    const { out } = await audit(["stats", "--audit", await makeTrail(), "--decision", "deny", "--json"]);
    expect(JSON.parse(out)).toMatchObject({ records: 1, decisions: { deny: 1 }, people: { rows: [{ denials: 1 }] } });
  });

  it("says what is not shown", async () => {
    const { out } = await audit(["stats", "--audit", await makeTrail(), "--top", "0"]);
    expect(out).toContain("  others  1\n");
    expect(out).toMatch(/ {2}others {2}5 {6}1 {7}0\n/);
  });
});

describe("nameFailure", () => {
  it.each([
    [{ code: "ENOENT" }, "trail: there is no such file or directory"],
    [{ code: "ENOTDIR", path: "trail/audit.jsonl" }, "trail/audit.jsonl: there is no such file or directory"],
    [{ code: "EACCES" }, "trail: it cannot be read (EACCES); run this as the user that the gateway runs as"],
    [{ code: "EIO" }, "trail: it cannot be read (EIO)"],
    [{}, "as it was"],
  ])("%j", (facts, message) => {
    expect(nameFailure(Object.assign(new Error("as it was"), facts), "trail")).toMatchObject({ message });
  });
});
