import fc from "fast-check";
import { expect, it } from "vitest";
import { exportFormats } from "../../src/audit/export/formats.ts";
import { LineSplitter } from "../../src/audit/files/lines.ts";
import { compileQuery } from "../../src/audit/read/query.ts";
import { readLines } from "../../src/audit/read/records.ts";
import { StatsCounter } from "../../src/audit/read/stats.ts";
import { renderLine } from "../../src/commands/audit/line.ts";
import { linesOf } from "../unit/audit/lines.ts";

const text = linesOf({ session: "session-1", note: { successful: true } })[0]?.text ?? "";

/** Paths of all members of a record. */
function pathsOf(value: unknown, path: readonly string[] = []): string[][] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, member]) => [[...path, name], ...pathsOf(member, [...path, name])]);
}

// A later `v` ends the reading, and is tested beside `readLines`.
const paths = pathsOf(JSON.parse(text)).filter(([name]) => name !== "v");

/** The line with other values in some of its members; undefined takes one away. */
function alter(changes: readonly (readonly [readonly string[], unknown])[]): string {
  const record = JSON.parse(text) as Record<string, unknown>;
  for (const [path, value] of changes) {
    let place: unknown = record;
    for (const step of path.slice(0, -1)) place = (place as Record<string, unknown> | null | undefined)?.[step];
    if (typeof place === "object" && place !== null) (place as Record<string, unknown>)[path.at(-1) ?? ""] = value;
  }
  return JSON.stringify(record);
}

const change = fc.tuple(
  fc.constantFrom(...paths),
  fc.oneof(fc.constantFrom(undefined, null, "a\nb", 7, true), fc.jsonValue({ maxDepth: 1 })),
);

const { matches } = compileQuery(
  { subject: ["*"], tool: ["*"], ip: ["10.0.0.0/8"], id: ["request-"], session: ["session-"], since: "2026-01-01" },
  0,
);

/** Reads a line in every way there is. @returns how many records were in it */
function readEveryWay(written: string, counter: StatsCounter): number {
  const lines = readLines(new LineSplitter().read(Buffer.from(`${written}\n`)));
  for (const line of lines) {
    matches(line);
    counter.hear(line.record);
    for (const rendered of [
      renderLine(line.record),
      ...[exportFormats.ecs, exportFormats.ocsf, exportFormats.cef].map(({ render }) => render(line, "1")),
      exportFormats.jsonl.render(line),
    ]) {
      expect(rendered.indexOf("\n")).toBe(rendered.length - 1);
    }
    expect(exportFormats.csv.render(line)).toMatch(/\r\n$/);
  }
  return lines.length;
}

it("whatever somebody wrote into the file, reading goes on, a line for each record", () => {
  let accepted = 0;
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
      const counter = new StatsCounter();
      accepted += readEveryWay(alter(changes), counter);
      counter.finish(10);
    }),
    { numRuns: 5_000 },
  );
  expect(accepted).toBeGreaterThan(200);
});

it.each(paths.map((path) => [path.join("."), path] as const))(
  "reading goes on with odd values of %s",
  (_name, path) => {
    // An object without a usable toString can be made no text of.
    for (const odd of [{ toString: 0 }, [{ toString: 0 }], {}, [], [null], -1.5, "", "a\nb", true, null, undefined]) {
      const counter = new StatsCounter();
      readEveryWay(alter([[path, odd]]), counter);
      counter.finish(10);
    }
  },
);
