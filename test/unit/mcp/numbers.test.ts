import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { holdsInexactNumber } from "../../../src/mcp/numbers.ts";

describe("numbers that every reader reads alike", () => {
  it.each([
    ...["0", "-0", "0.0", "1", "-1.50", "100", "1e3", "1E+3", "1.5e-7", "123456789012345", "9007199254740992", "1e21"],
    ...["0.1", "0.30000000000000004", "1000000000000000000000", "1.7976931348623157e308", "5e-324", "0e999"],
    ...['"9007199254740993"', '{"9007199254740993":1}'],
  ])("%s", (text) => {
    expect(holdsInexactNumber(`{"a":[${text.startsWith("{") ? text : `{"b":${text}}`}]}`)).toBe(false);
  });

  it("are whatever a double is written as", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(holdsInexactNumber(JSON.stringify([value]))).toBe(false);
      }),
    );
  });
});

describe("numbers that readers may read differently", () => {
  it.each([
    ...["9007199254740993", "-9007199254740993", "100.00000000000000001", "1e999", "-1e999", "1e-999"],
    ...["0.1000000000000000055511151231257827", "12345678901234567890", "1.7976931348623159e308"],
  ])("%s", (text) => {
    expect(holdsInexactNumber(`{"a":[{"b":${text}}],"c":"d"}`)).toBe(true);
  });
});
