import { beforeAll, describe, expect, test } from "vitest";
import { listSuites, readRequirements, type Suite } from "./suite.ts";

let suites: Suite[];
beforeAll(async () => {
  suites = await listSuites();
});

test("both versions are installed, and all their revisions found", () => {
  const found = suites.map(({ version, scenarios, frozen }) => ({
    version,
    revisions: [...scenarios.keys()],
    frozen: [...frozen].sort(),
  }));
  expect(found).toEqual([
    { version: "0.1.16", revisions: ["2025-11-25", "2025-06-18"], frozen: [] },
    {
      version: expect.stringMatching(/^0\.2\.0/),
      revisions: ["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26"],
      frozen: ["2025-11-25", "2026-07-28"],
    },
  ]);
});

describe("readRequirements", () => {
  test.each([
    [0, "2025-11-25", 32, 0, 0],
    [0, "2025-06-18", 26, 0, 0],
    [1, "2026-07-28", 37, 13, 10],
    [1, "2025-11-25", 30, 3, 0],
    [1, "2025-06-18", 27, 0, 0],
    [1, "2025-03-26", 1, 0, 0],
  ])("suite %i, %s: %i count, %i do not, of which %i are extensions", async (index, revision, ...counts) => {
    const requirements = await readRequirements(suites[index] as Suite, revision);
    const { scored, unscored, extensions } = requirements;
    expect([scored.length, unscored.length, extensions.length]).toEqual(counts);
    expect([...scored, ...unscored]).toEqual(expect.arrayContaining([...extensions]));
    expect(new Set([...scored, ...unscored]).size).toBe(scored.length + unscored.length);
  });
});
