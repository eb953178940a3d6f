import { describe, expect, test } from "vitest";
import { type Check, countPassed, findLost, isPassed } from "./compare.ts";

function check(status: string, name = "Name", errorMessage?: string): Check {
  return { id: "id", name, status, errorMessage };
}

function lostOf(direct: Check[], through: Check[] | undefined): string[] {
  const after = new Map(through === undefined ? [] : [["scenario", through]]);
  return findLost(new Map([["scenario", direct]]), after).map(({ name, status }) => `${name} ${status}`);
}

describe("findLost", () => {
  test.each<[string, Check[], Check[] | undefined, string[]]>([
    ["the same", [check("SUCCESS")], [check("SUCCESS")], []],
    ["a success that fails", [check("SUCCESS")], [check("FAILURE")], ["Name FAILURE"]],
    ["a success that warns", [check("SUCCESS")], [check("WARNING")], ["Name WARNING"]],
    ["a success that is skipped", [check("SUCCESS")], [check("SKIPPED")], ["Name SKIPPED"]],
    ["a success that is missing", [check("SUCCESS"), check("SUCCESS", "Other")], [check("SUCCESS")], ["Other absent"]],
    ["a scenario that is missing", [check("SUCCESS")], undefined, ["Name absent"]],
    ["one of two of the same name", [check("SUCCESS"), check("SUCCESS")], [check("SUCCESS")], ["Name absent"]],
    [
      "one of three, told by the failure among warnings",
      [check("SUCCESS"), check("SUCCESS"), check("WARNING")],
      [check("WARNING"), check("SUCCESS"), check("FAILURE")],
      ["Name FAILURE"],
    ],
    ["a warning that fails", [check("WARNING")], [check("FAILURE")], ["Name FAILURE"]],
    [
      "a failure where nothing was checked",
      [check("SUCCESS")],
      [check("SUCCESS"), check("FAILURE", "New")],
      ["New FAILURE"],
    ],
    ["a failure that fails still", [check("FAILURE")], [check("FAILURE")], []],
    ["a failure that succeeds", [check("FAILURE")], [check("SUCCESS")], []],
    ["more information", [check("INFO")], [check("INFO"), check("INFO")], []],
  ])("%s", (_title, direct, through, lost) => {
    expect(lostOf(direct, through)).toEqual(lost);
  });

  test("checks of the same id and another name are not confused", () => {
    const direct = [check("SUCCESS", "First"), check("FAILURE", "Second")];
    const through = [check("FAILURE", "First"), check("SUCCESS", "Second")];
    expect(lostOf(direct, through)).toEqual(["First FAILURE"]);
  });

  test("says why", () => {
    const direct = new Map([["scenario", [check("SUCCESS")]]]);
    const through = new Map([["scenario", [check("FAILURE", "Name", "HTTP 502")]]]);
    expect(findLost(direct, through)).toEqual([
      { scenario: "scenario", id: "id", name: "Name", status: "FAILURE", message: "HTTP 502" },
    ]);
  });
});

describe("isPassed", () => {
  test.each<[string, Check[] | undefined, boolean]>([
    ["successes and warnings", [check("SUCCESS"), check("WARNING")], true],
    ["one failure", [check("SUCCESS"), check("FAILURE")], false],
    ["no checks", [], false],
    ["a scenario that did not run", undefined, false],
  ])("%s", (_title, checks, passed) => {
    expect(isPassed(checks)).toBe(passed);
  });
});

test("countPassed counts successes over all scenarios", () => {
  const run = new Map([
    ["one", [check("SUCCESS"), check("INFO")]],
    ["two", [check("SUCCESS"), check("FAILURE")]],
  ]);
  expect(countPassed(run)).toBe(2);
});
