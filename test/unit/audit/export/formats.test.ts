import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { exportFormats } from "../../../../src/audit/export/formats.ts";
import { LineSplitter } from "../../../../src/audit/files/lines.ts";
import { readLines } from "../../../../src/audit/read/records.ts";
import { auditEvents } from "../../../../src/audit/record.ts";

/** `records.jsonl` has a record of each kind; the other files are what each format makes of them. */
const directory = fileURLToPath(new URL("../../../golden/audit/", import.meta.url));
const bytes = readFileSync(`${directory}records.jsonl`);
const lines = readLines(new LineSplitter().read(bytes));

const files = { csv: "records.csv", ecs: "records.ecs.jsonl", ocsf: "records.ocsf.jsonl", cef: "records.cef" } as const;

function render(name: keyof typeof exportFormats): string {
  const { head, render } = exportFormats[name];
  return head + lines.map((line) => render(line, "1.2.3")).join("");
}

/** Cells of CSV by RFC 4180, read by another way than the one that writes them. */
function readCsv(text: string): string[][] {
  const rows = text.matchAll(/((?:"(?:[^"]|"")*"|[^",\r\n]*)(?:,(?:"(?:[^"]|"")*"|[^",\r\n]*))*)\r\n/g);
  return [...rows].map(([, row = ""]) =>
    [...row.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^",\r\n]*))/g)].map(
      ([, quoted, bare = ""]) => quoted?.replaceAll('""', '"') ?? bare,
    ),
  );
}

function readJson(name: "ecs" | "ocsf"): Record<string, unknown>[] {
  return render(name)
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** The first record of a call, with members that are not of the gateway's making. */
function renderOdd(name: "ecs" | "ocsf" | "csv" | "cef", changes: object): string {
  const call = lines.find(({ record }) => record.event === "request");
  if (call === undefined) throw new Error("there is no call");
  return exportFormats[name].render({ ...call, record: { ...call.record, ...changes } }, "1.2.3");
}

describe("exports", () => {
  it("have a record of each kind before them", () => {
    expect(new Set(lines.map(({ record }) => record.event))).toEqual(new Set(auditEvents));
  });

  it.each(["csv", "ecs", "ocsf", "cef"] as const)("%s", async (name) => {
    await expect(render(name)).toMatchFileSnapshot(directory + files[name]);
  });

  it("jsonl are the lines themselves", () => {
    expect(render("jsonl")).toBe(bytes.toString("utf8"));
  });

  it("csv has a cell for each column, and none that a spreadsheet runs", () => {
    const [head = [], ...rows] = readCsv(render("csv"));
    expect(rows).toHaveLength(lines.length);
    for (const row of rows) {
      expect(row).toHaveLength(head.length);
      expect(row.filter((cell) => /^\s*[=+\-@\t\r]/.test(cell) && Number.isNaN(Number(cell)))).toEqual([]);
    }
    const at = (name: string) => rows[2]?.[head.indexOf(name)];
    expect(at("subject")).toBe("'=cmd|' /C calc'!A0");
    expect(at("target")).toBe('drop|table="a",b\\c');
  });

  it("cef has one line for each record, whose header has seven bars", () => {
    const rendered = render("cef").trimEnd().split("\n");
    expect(rendered).toHaveLength(lines.length);
    for (const line of rendered) expect(line.match(/^CEF:0(?:\|(?:[^\\|]|\\[\\|])*){6}\|/)).not.toBeNull();
    expect(rendered[2]).toContain('|tools/call drop\\|table="a",b\\\\c: deny (policy_denied)|5|');
    expect(rendered[2]).toContain('cs2=tool drop|table\\="a",b\\\\c cs2Label=target');
    expect(rendered[2]).toContain("c6a2=2001:db8::7 c6a2Label=Source IPv6 Address");
    expect(rendered[2]).not.toContain("src=");
  });

  it("ocsf has what its classes require", () => {
    for (const event of readJson("ocsf")) {
      const { class_uid: uid, activity_id: activity, type_uid: type } = event;
      expect(event).toMatchObject({
        category_uid: 6,
        time: expect.any(Number),
        severity_id: expect.any(Number),
        metadata: { version: "1.6.0", product: { vendor_name: "Sallyport", version: "1.2.3" } },
      });
      expect(type).toBe(Number(uid) * 100 + Number(activity));
      if (uid === 6002) expect(event).toHaveProperty("app.name");
      else {
        expect(uid).toBe(6003);
        for (const path of ["actor.user.name", "src_endpoint.ip", "api.operation"]) expect(event).toHaveProperty(path);
      }
    }
  });

  it.each(["constructor", "toString", "__proto__"])("know no method, event or effect that is called %s", (name) => {
    const ocsf = JSON.parse(renderOdd("ocsf", { method: name })) as Record<string, unknown>;
    expect(ocsf).toMatchObject({ activity_id: 99, activity_name: name, type_uid: 600_399 });
    const decision = { effect: name, rule: null, policy: null, reason: null };
    const ecs = JSON.parse(renderOdd("ecs", { event: name, decision })) as { event: object };
    expect(ecs.event).toMatchObject({ type: ["access"] });
  });

  it("have the person of a record that was encrypted, also where nobody knows any more who it was", () => {
    const person = "6f1d2c3b4a596877";
    for (const changes of [{ person }, { person, identity: null }]) {
      expect(JSON.parse(renderOdd("ecs", changes))).toMatchObject({ user: { hash: person } });
      expect(JSON.parse(renderOdd("ocsf", changes))).toMatchObject({ actor: { user: { uid_alt: person } } });
      expect(renderOdd("cef", changes)).toContain(` suid=${person} `);
      const [head = [], row = []] = readCsv(exportFormats.csv.head + renderOdd("csv", changes));
      expect(row[head.indexOf("person")]).toBe(person);
    }
  });

  it("csv shows what steers a terminal, whoever wrote it", () => {
    expect(renderOdd("csv", { method: "\u001b[31ma\u009bb\u202e" })).toContain(",\\u{1b}[31ma\\u{9b}b\\u{202e},");
  });

  it("ecs tells refusals, failures and successes apart", () => {
    const told = readJson("ecs").map(({ event }) => {
      const { code, type, outcome } = event as { code: string; type: string[]; outcome: string };
      return `${code}: ${type.join(" ")}, ${outcome}`;
    });
    expect(told).toEqual([
      "start: start, success",
      "request: access allowed, success",
      "request: access denied, failure",
      "notification: access allowed, success",
      "response: access allowed, success",
      "stream: start allowed, success",
      "server_request: access denied, failure",
      "stream_failure: end allowed, failure",
      "end: end allowed, success",
      "discovery: info, success",
      "refusal: access denied, failure",
      "reload: change, failure",
      "recovered: info, success",
      "stop: end, success",
      "rotated: info, success",
      "expired: deletion, success",
      "checkpoint: info, success",
      "shredded: deletion, success",
      "erased: info, success",
      "hold: info, success",
      "stream_end: end allowed, success",
      "clock: info, success",
      "connections: connection, failure",
      "admin: change, success",
      "auth: info, failure",
    ]);
  });
});
