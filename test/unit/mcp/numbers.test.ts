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

describe("what callers choose the length of", () => {
  const mebibyte = 1_048_576;
  const zeros = "0".repeat(mebibyte);

  it.each([
    ...[`1${zeros}1`, `0.${zeros}1`, `1${zeros}`, `1.${zeros}`, `1e${zeros}1`, `1e-${zeros}`, "9".repeat(mebibyte)],
    `9007199254740993${",1e1".repeat(mebibyte / 4)}`,
  ])("takes no longer than reading it, of $length characters", (text) => {
    expect(holdsInexactNumber(`[${text}]`)).toBe(true);
  });

  it.each([
    `"1${zeros}1"`,
    `"${'\\\\\\"'.repeat(mebibyte / 4)}",1e1`,
    `${"1.50,".repeat(mebibyte / 5)}1e1`,
    `${'"",'.repeat(mebibyte / 3)}1e1`,
    `${"1e1,".repeat(mebibyte / 4)}1`,
  ])("is looked through where nothing is found, of $length characters", (text) => {
    expect(holdsInexactNumber(`[${text}]`)).toBe(false);
  });
});

describe("what was found number by number", () => {
  const part = fc.string({ unit: fc.constantFrom(..."0123456789"), minLength: 1, maxLength: 24 });
  const number = fc
    .tuple(fc.constantFrom("", "-"), part, fc.option(part), fc.constantFrom("", "e", "E-", "e+"), fc.nat(400))
    .map(([sign, whole, fraction, letter, exponent]) => {
      const digits = whole.replace(/^0+(?=\d)/, "");
      return `${sign}${digits}${fraction === null ? "" : `.${fraction}`}${letter === "" ? "" : letter + exponent}`;
    });
  const text = fc
    .oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'\\"1e90') }))
    .map((it) => JSON.stringify(it));
  const json = fc.letrec<{ any: string }>((tie) => ({
    any: fc.oneof(
      { depthSize: "small" },
      number,
      text,
      fc.constantFrom("true", "null", "1", "0.1"),
      fc.array(tie("any"), { maxLength: 4 }).map((all) => `[${all.join(" , ")}]`),
      fc
        .uniqueArray(fc.tuple(text, tie("any")), { maxLength: 4, selector: ([name]) => name })
        .map((members) => `{${members.map(([name, value]) => `${name}:${value}`).join(",")}}`),
    ),
  })).any;

  it("is found in any JSON", () => {
    fc.assert(
      fc.property(json, (all) => {
        expect(holdsInexactNumber(all)).toBe(holdsOneByDefinition(all));
      }),
      { numRuns: 2_000 },
    );
  });

  /** Each number as it is written against the shortest text of its double, both as a fraction of whole numbers. */
  function holdsOneByDefinition(all: string): boolean {
    let found = false;
    const look = (_name: string, value: unknown, { source }: { source?: string }) => {
      if (typeof value === "number") found ||= !Number.isFinite(value) || !isSame(source ?? "", `${value}`);
      return value;
    };
    JSON.parse(all, look as Parameters<typeof JSON.parse>[1]);
    return found;
  }

  function isSame(one: string, other: string): boolean {
    const [a, b] = [read(one), read(other)];
    return a.top * b.bottom === b.top * a.bottom;
  }

  function read(written: string) {
    const [mantissa = "", exponent = "0"] = written.toLowerCase().split("e");
    const [whole = "", fraction = ""] = mantissa.replace("-", "").split(".");
    const power = Number(exponent) - fraction.length;
    const digits = BigInt(whole + fraction);
    return power < 0
      ? { top: digits, bottom: 10n ** BigInt(-power) }
      : { top: digits * 10n ** BigInt(power), bottom: 1n };
  }
});
