import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { configWith } from "../config/fixture.ts";
import { runPolicy, sealedLine, trailOf } from "./policies.ts";

const policy = `version: 1
roles:
  reader:
    allow:
      - { id: read, server: weather, tools: [forecast, "get,*"] }
    deny:
      - { id: never, server: weather, tools: ["get,secret"] }
bindings: [{ roles: [reader], groups: [analysts, "=cmd|' /C calc'!A0", "[x](http://evil.test)"] }]
`;
const now = new Date().toISOString();
const evil = '@SUM(1+1)*cmd|"\u001b[2J';
const files = {
  "sallyport.yaml": configWith(),
  "policies/a.yaml": policy,
  "data/audit/audit.jsonl": trailOf({ time: now }, { time: now, subject: evil }, { time: "2020-01-01T00:00:00.000Z" }),
};
const review = (...args: string[]) => runPolicy(files, "review", "-c", "{}/sallyport.yaml", ...args);

/** Reads CSV by RFC 4180. */
function readCsv(text: string): string[][] {
  const cells = text.matchAll(/(?:"((?:[^"]|"")*)"|([^,"\r\n]*))(,|\r\n)/g);
  const rows: string[][] = [[]];
  for (const [, quoted, plain = "", end] of cells) {
    rows.at(-1)?.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (end === "\r\n") rows.push([]);
  }
  rows.pop();
  return rows;
}

describe("sallyport policy review", () => {
  it("lists unused grants first, then who uses what", async () => {
    const { out, err, code } = await review();
    expect([code, err]).toEqual([0, ""]);
    expect(out).toContain("8 grants, 6 of them unused since ");
    expect(out).toMatch(/policy policies\/a\.yaml; hash [0-9a-f]{16}\n/);
    expect(out).toMatch(
      / {2}unused {2}never +alice \(builtin\).*weather {2}tool get,\* +read \(policies\/a\.yaml:5\) {2}except get,secret\n/,
    );
    expect(out.indexOf("unused")).toBeLessThan(out.indexOf("1x "));
    expect(out).toMatch(/by tool, prompt and resource:\n {2}weather {2}tool forecast +2x/);
    expect(out).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}]/u);
  });

  it("does not read as if only those may who were seen", async () => {
    const whole = "alice (builtin), and whoever else is in group analysts";
    expect((await review()).out).toMatch(/alice \(builtin\), and whoever else is in group analysts +weather/);
    expect((await review("--markdown", "-")).out).toContain(`| ${whole} | weather |`);
    const [head, ...rows] = readCsv((await review("--csv", "-")).out);
    const at = head?.indexOf("others") ?? -1;
    expect(rows.find(([who]) => who === "alice (builtin)")?.[at]).toBe("group analysts");
  });

  it("counts uses of so many days", async () => {
    const { out } = await review("--days", "99999", "--json");
    expect(JSON.parse(out)).toMatchObject({ period: { days: 99_999 }, trail: { records: 3 } });
    const uses = async (...args: string[]) => {
      const { grants } = JSON.parse((await review("--json", ...args)).out) as {
        grants: { who: string; pattern: string; uses: number }[];
      };
      return grants.find(({ who, pattern }) => who === "alice (builtin)" && pattern === "forecast")?.uses;
    };
    expect(await uses()).toBe(1);
    expect(await uses("--days", "99999")).toBe(2);
  });

  it("makes a table in which no cell is a formula", async () => {
    const { out, code } = await review("--csv", "-");
    expect(code).toBe(0);
    const [head, ...rows] = readCsv(out);
    expect(head?.slice(0, 5)).toEqual(["who", "issuer", "subject", "client", "groups"]);
    expect(rows).toHaveLength(8);
    for (const row of rows) {
      expect(row).toHaveLength(16);
      for (const cell of row) expect(cell).not.toMatch(/^\s*[=+\-@]/);
    }
    expect(out).toContain(`"'@SUM(1+1)*cmd|""\\u{1b}[2J"`);
    expect(out).toContain('"get,*"');
    expect(out).not.toMatch(/(?!\r\n|\n)[\p{Cc}\p{Cf}]/u);
    expect(out.replaceAll("\r\n", "")).not.toContain("\n");
  });

  it("makes a page to be signed, in which names are only names", async () => {
    const { out } = await review("--markdown", "-");
    expect(out).toMatch(/^# Access review\n/);
    expect(out).toMatch(/\| Policy \| policies\/a\.yaml; hash [0-9a-f]{16} \|/);
    expect(out).toContain("| name | date | signature |");
    expect(out).toContain("group \\[x\\](http&#58;//evil.test)");
    const rows = out.split("\n").filter((line) => line.startsWith("| ") && line.includes("weather"));
    expect(rows.length).toBeGreaterThan(8);
    expect(out.indexOf("## Not used")).toBeLessThan(out.indexOf("## Used"));
  });

  it("has it on the page to be signed that records could not be read", async () => {
    const erased = trailOf({ time: now, entry: { identity: null } }).replace(
      ',"hash":"0"',
      ',"person":"p1","hash":"0"',
    );
    const sealed = { ...files, "data/audit/audit.jsonl": `${trailOf({ time: now })}${erased}${sealedLine(3)}` };
    const said = (...args: string[]) => runPolicy(sealed, "review", "-c", "{}/sallyport.yaml", ...args);
    const unread =
      "2 records cannot be read, being encrypted or of people who were erased; what looks unused may have been used";
    expect((await said()).out).toContain(`3 records\n${unread}\n`);
    expect((await said("--markdown", "-")).out).toContain(`| Not read | ${unread} |\n`);
    expect(JSON.parse((await said("--json")).out)).toMatchObject({ trail: { records: 3, unread: 2 } });
    expect((await review("--markdown", "-")).out).not.toContain("Not read");
  });

  it("writes files that others cannot read, and still says what it found", async () => {
    const { directory, out } = await review("--csv", "{}/r.csv", "--markdown", "{}/r.md");
    expect(out).toContain("8 grants");
    expect(await readFile(join(directory, "r.csv"), "utf8")).toMatch(/^who,/);
    expect(await readFile(join(directory, "r.md"), "utf8")).toContain("## Signature");
    expect((await stat(join(directory, "r.csv"))).mode & 0o077).toBe(0);
  });

  it("takes a policy without a configuration, for all servers of the trail", async () => {
    const { "data/audit/audit.jsonl": trail } = files;
    const tree = { "p/a.yaml": policy.replaceAll("server: weather", 'server: "*"'), "audit.jsonl": trail };
    const { out, code } = await runPolicy(tree, "review", "-p", "{}/p", "--audit", "{}/audit.jsonl", "--json");
    expect(code).toBe(0);
    const { grants } = JSON.parse(out) as { grants: { who: string; server: string; uses: number }[] };
    const ofAlice = grants.filter(({ who }) => who.startsWith("alice")).map(({ server, uses }) => [server, uses]);
    expect(ofAlice).toContainEqual(["weather", 1]);
    expect(ofAlice).toContainEqual(["*", 0]);
  });

  it("names the hash of what the policy says, not how it is laid out", async () => {
    const hashOf = async (text: string) => {
      const said = await runPolicy(
        { ...files, "policies/a.yaml": text },
        "review",
        "-c",
        "{}/sallyport.yaml",
        "--json",
      );
      return (JSON.parse(said.out) as { policy: { hash: string } }).policy.hash;
    };
    expect(await hashOf(`# a comment\n${policy}`)).toBe(await hashOf(policy));
    expect(await hashOf(policy.replace("forecast", "forecasts"))).not.toBe(await hashOf(policy));
  });

  it.each<[string, string[], string]>([
    ["print two things", ["--csv", "-", "--markdown", "-"], "only one of them can be printed"],
    ["read a trail that is not there", ["--audit", "{}/none"], "no such file"],
    ["write into nothing", ["--csv", "{}/none/r.csv"], "none/r.csv cannot be written (ENOENT)"],
  ])("cannot %s", async (_case, args, message) => {
    const { err, code } = await review(...args);
    expect(code).toBe(2);
    expect(err).toContain(message);
  });
});
