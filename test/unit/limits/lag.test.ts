import { expect, it } from "vitest";
import { createLag } from "../../../src/limits/lag.ts";

it.each<[string, readonly number[], boolean]>([
  ["nothing yet", [], false],
  ["one long pause", [5_000], false],
  ["four looks that were late", [300, 300, 300, 300], false],
  ["five in a row", [300, 300, 300, 300, 300], true],
  ["five with one in time between", [300, 300, 300, 10, 300, 300], false],
  ["many, and then one in time", [300, 300, 300, 300, 300, 300, 250], false],
  ["all exactly at the limit", [250, 250, 250, 250, 250], false],
])("%s", (_case, looks, behind) => {
  const lag = createLag();
  for (const lateMs of looks) lag.note(lateMs, 250);
  expect(lag.behind).toBe(behind);
});
