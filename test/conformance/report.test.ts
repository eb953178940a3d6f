import { describe, expect, test } from "vitest";
import { type Comparison, isClean, renderPage, renderReport } from "./report.ts";

const tally = { scored: 2, all: 3, checks: 9 };
const clean: Comparison = {
  suite: "1.0.0",
  revision: "2025-11-25",
  server: "subject",
  scenarios: { scored: 2, all: 4 },
  direct: tally,
  through: tally,
  lost: [],
  failedDirectly: [],
};
const lost = { scenario: "ping", id: "ping", name: "Ping", status: "FAILURE", message: "HTTP 502\nat once" };

describe("isClean", () => {
  test.each<[string, Partial<Comparison>, boolean]>([
    ["nothing lost", {}, true],
    ["a server that passes little, as was to be expected", { direct: { scored: 0, all: 0, checks: 0 } }, true],
    ["a lost check", { lost: [lost] }, false],
    ["a sound server that fails", { failedDirectly: ["ping"] }, false],
  ])("%s", (_title, part, expected) => {
    expect(isClean({ ...clean, ...part })).toBe(expected);
  });
});

test("the report has a row for each comparison and a line for each fault", () => {
  const faulty = { ...clean, server: "other", lost: [lost], failedDirectly: ["tools-list"] };
  expect(renderReport([clean, faulty]).split("\n")).toEqual([
    "| Suite | Revision   | Server  | Scored scenarios | All scenarios | Checks | Lost |",
    "| ----- | ---------- | ------- | ---------------- | ------------- | ------ | ---- |",
    "| 1.0.0 | 2025-11-25 | subject | 2 / 2 of 2       | 3 / 3 of 4    | 9 / 9  | 0    |",
    "| 1.0.0 | 2025-11-25 | other   | 2 / 2 of 2       | 3 / 3 of 4    | 9 / 9  | 1    |",
    "",
    "- other, 2025-11-25, suite 1.0.0: `tools-list` fails directly.",
    "",
    "Lost with other, 2025-11-25, suite 1.0.0:",
    "",
    "- `ping` / `ping` (Ping) FAILURE: HTTP 502 at once",
    "",
  ]);
});

test("the page says what each server is", () => {
  const server = { name: "subject", what: "a server of [ours](x.ts)", start: () => Promise.reject(new Error()) };
  const page = renderPage([clean], [server], "## Authorization\n");
  expect(page).toContain("\n- `subject`: a server of [ours](x.ts)\n");
  expect(page).toMatch(/\n\n## Authorization\n$/);
});
