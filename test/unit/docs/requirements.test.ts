import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { readRequirements, readTest } from "../../../src/requirements.ts";

const root = new URL("../../../", import.meta.url);
const yaml = readFileSync(new URL("docs/identity-requirements.yaml", root), "utf8");
const sources = readRequirements(yaml);
const rows = sources.flatMap(({ source, rows: own }) => own.map((row) => ({ ...row, name: `${source}, ${row.of}` })));

/** Whether a file has a test of this title, as it is written there. */
function hasTest(file: string, title: string): boolean {
  const source = readFileSync(fileURLToPath(new URL(file, root)), "utf8");
  const quoted = [JSON.stringify(title), `\`${title}\``].map((literal) => RegExp.escape(literal)).join("|");
  return new RegExp(`(?:^|[\\s(,])(?:${quoted}),`, "m").test(source);
}

describe.each(rows)("$name", ({ where = [], tests = [] }) => {
  it("names files and tests that are there", () => {
    expect(where.filter((path) => !existsSync(new URL(path, root)))).toEqual([]);
    const missing = tests.filter((test) => {
      const { file, title } = readTest(test);
      return !existsSync(new URL(file, root)) || (title !== undefined && !hasTest(file, title));
    });
    expect(missing).toEqual([]);
  });
});

it("has no requirement twice", () => {
  const twice = (texts: readonly string[]) => texts.filter((text, at) => texts.indexOf(text) !== at);
  expect(twice(rows.map(({ name }) => name))).toEqual([]);
  expect(twice(sources.flatMap(({ source, rows: own }) => own.map(({ says }) => `${source}: ${says}`)))).toEqual([]);
});

it.each([
  ["without a test or a reason", { of: "1", level: "MUST", says: "x" }],
  [
    "with a test and a reason why it does not apply",
    { of: "1", level: "MUST", says: "x", where: ["a"], tests: ["b"], not: "y" },
  ],
  ["with a test and no place", { of: "1", level: "MUST", says: "x", tests: ["b"] }],
])("takes no row %s", (_what, row) => {
  expect(() => readRequirements(JSON.stringify([{ source: "S", url: "https://example.com", rows: [row] }]))).toThrow();
});

it("finds no test that is only mentioned", () => {
  const own = "test/unit/docs/requirements.test.ts";
  expect([hasTest(own, "has no requirement twice"), hasTest(own, "has no requirement")]).toEqual([true, false]);
});
