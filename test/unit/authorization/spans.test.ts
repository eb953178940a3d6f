import { describe, expect, it } from "vitest";
import { sayLife, sayTooMany, sayWait } from "../../../src/authorization/pages/spans.ts";

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

describe("a span of time", () => {
  it.each([
    [30 * 24 * hour, "30 days"],
    [24 * hour, "1 day"],
    [24 * hour - 1, "23 hours"],
    [90 * minute, "1 hour"],
    [59 * minute + 59 * second, "59 minutes"],
    [2 * second, "2 seconds"],
    [0, "0 seconds"],
  ])("of %i ms in which something holds is never said to be longer", (ms, said) => {
    expect(sayLife(ms)).toBe(said);
  });

  it.each([
    [1, "1 second"],
    [1_001, "2 seconds"],
    [90 * second, "90 seconds"],
    [90 * second + 1, "2 minutes"],
    [15 * minute + 1, "16 minutes"],
  ])("of %i ms to wait is never said to be shorter", (ms, said) => {
    expect(sayWait(ms)).toBe(said);
    expect(sayTooMany(ms)).toBe(`Too many attempts. Try again in ${said}.`);
  });
});
