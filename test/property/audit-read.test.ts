import fc from "fast-check";
import { expect, it } from "vitest";
import { exportFormats } from "../../src/audit/export/formats.ts";
import { LineSplitter } from "../../src/audit/lines.ts";
import { compileQuery } from "../../src/audit/query.ts";
import { readLines } from "../../src/audit/records.ts";
import { StatsCounter } from "../../src/audit/stats.ts";
import { renderLine } from "../../src/commands/audit/line.ts";
import { linesOf } from "../unit/audit/lines.ts";

const text = linesOf({ session: "session-1", note: { successful: true } })[0]?.text ?? "";

/** Paths of all members of a record. */
function pathsOf(value: unknown, path: readonly string[] = []): string[][] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, member]) => [[...path, name], ...pathsOf(member, [...path, name])]);
}

const paths = pathsOf(JSON.parse(text));

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

const change = fc.tuple(fc.constantFrom(...paths), fc.oneof(fc.constant(undefined), fc.jsonValue({ maxDepth: 1 })));

it("whatever somebody wrote into the file, reading goes on, a line for each record", () => {
  const { matches } = compileQuery(
    { subject: ["*"], tool: ["*"], ip: ["10.0.0.0/8"], id: ["request-"], session: ["session-"], since: "2026-01-01" },
    0,
  );
  let accepted = 0;
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
      const counter = new StatsCounter();
      for (const line of readLines(new LineSplitter().read(Buffer.from(`${alter(changes)}\n`)))) {
        accepted += 1;
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
      counter.finish(10);
    }),
    { numRuns: 5_000 },
  );
  expect(accepted).toBeGreaterThan(500);
});
