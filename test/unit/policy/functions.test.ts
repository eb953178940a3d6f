import { afterEach, describe, expect, it } from "vitest";
import { evaluate } from "../../fixtures/condition.ts";

describe("numbers read from text", () => {
  it.each([
    ...["0", "12", "-12", "+12", "007", "9223372036854775807", "-9223372036854775808"].map(
      (text) => ["int", text, true] as const,
    ),
    ...[
      "",
      " ",
      " 1",
      "1 ",
      "1.0",
      "1e3",
      "0x10",
      "0b1",
      "0o7",
      "--1",
      "9223372036854775808",
      "-9223372036854775809",
      "1_000",
      "١",
    ].map((text) => ["int", text, false] as const),
    ...["0", "12", "18446744073709551615"].map((text) => ["uint", text, true] as const),
    ...["", "-1", "+1", "1.0", "0x10", "18446744073709551616"].map((text) => ["uint", text, false] as const),
    ...["0", "-1.5", "+1.5", ".5", "5.", "1e3", "1E-3", "1e999"].map((text) => ["double", text, true] as const),
    ...["", " ", " 1", "1 ", "1000 EUR", "1,5", "NaN", "Infinity", "-inf", "0x10", ".", "e5", "1e", "1e99999"].map(
      (text) => ["double", text, false] as const,
    ),
  ])("%s(%j): %s", (type, text, isNumber) => {
    expect(evaluate(`${type}(jwt.n) == ${type}(jwt.n)`, { claims: { n: text } })).toBe(isNumber ? "true" : "error");
  });

  it("are the numbers that stand there", () => {
    expect(evaluate("int(jwt.n) == -12", { claims: { n: "-12" } })).toBe("true");
    expect(evaluate("int(jwt.n) == 12", { claims: { n: "+12" } })).toBe("true");
    expect(evaluate("uint(jwt.n) == 12u", { claims: { n: "12" } })).toBe("true");
    expect(evaluate("double(jwt.n) == -0.0125", { claims: { n: "-1.25e-2" } })).toBe("true");
  });
});

describe("moments from seconds", () => {
  it.each<[string, number, string]>([
    ["timestamp(int(jwt.n)) == timestamp('2026-03-02T12:00:00Z')", 1_772_452_800, "true"],
    ["timestamp(int(jwt.n)) == timestamp('0001-01-01T00:00:00Z')", -62_135_596_800, "true"],
    ["timestamp(int(jwt.n)) < timestamp('0001-01-01T00:00:01Z')", -62_135_596_801, "error"],
    ["timestamp(int(jwt.n)) == timestamp('9999-12-31T23:59:59Z')", 253_402_300_799, "true"],
    ["timestamp(int(jwt.n)) > now", 253_402_300_800, "error"],
  ])("%s for %d", (when, n, expected) => {
    expect(evaluate(when, { claims: { n } })).toBe(expected);
  });
});

describe("lists put together", () => {
  it.each([
    "[1] + [2] == [1, 2]",
    "[] + [] == []",
    "([1] + [2]) + ([3] + [4]) == [1, 2, 3, 4]",
    "jwt.l.map(x, x + 1.0).filter(y, y > 2.0) == [3.0, 4.0]",
    "(jwt.l + [9.0])[3] == 9.0 && (jwt.l + [8.0])[3] == 8.0",
    "jwt.long.map(x, x).exists(x, x == 1.0)",
  ])("%s", (when) => {
    expect(evaluate(when, { claims: { l: [1, 2, 3], long: [...new Array(3_000).fill(0), 1] } })).toBe("true");
  });
});

describe("parts of a moment", () => {
  const machine = process.env.TZ;
  afterEach(() => {
    if (machine === undefined) delete process.env.TZ;
    else process.env.TZ = machine;
  });

  const cases: [string, string][] = [
    // An hour that clocks in Berlin skip, and nights in which summer time makes a day of the year short.
    [
      "2026-03-29T02:30:15.250Z",
      "now.getHours() == 2 && now.getMinutes() == 30 && now.getSeconds() == 15 && now.getMilliseconds() == 250",
    ],
    [
      "2026-03-29T02:30:00Z",
      "now.getHours('+00:00') == 2 && now.getHours('UTC') == 2 && now.getHours('01:30') == 4 && now.getHours('-03:00') == 23 && now.getDate('-03:00') == 28",
    ],
    ["2026-03-29T00:59:59Z", "now.getHours('Europe/Berlin') == 1"],
    ["2026-03-29T01:00:00Z", "now.getHours('Europe/Berlin') == 3"],
    ["2026-07-01T00:30:00Z", "now.getDayOfYear() == 181 && now.getDayOfYear('America/New_York') == 180"],
    ["2026-07-01T12:30:00Z", "now.getDayOfYear() == 181"],
    ["2028-12-31T23:59:59Z", "now.getDayOfYear() == 365 && now.getFullYear() == 2028 && now.getMonth() == 11"],
    [
      "2026-12-31T23:30:00Z",
      "now.getFullYear('Europe/Berlin') == 2027 && now.getMonth('Europe/Berlin') == 0 && now.getDayOfYear('Europe/Berlin') == 0",
    ],
    ["2026-03-01T12:00:00Z", "now.getDate() == 1 && now.getDayOfMonth() == 0 && now.getDayOfWeek() == 0"],
    [
      "1969-12-31T23:59:59.750Z",
      "now.getMilliseconds() == 750 && now.getMilliseconds('Europe/Berlin') == 750 && now.getFullYear('Europe/Berlin') == 1970",
    ],
  ];

  it.each(["UTC", "Europe/Berlin", "America/New_York"].flatMap((zone) => cases.map(([at, when]) => [zone, at, when])))(
    "on a machine in %s, at %s: %s",
    (zone, at, when) => {
      process.env.TZ = zone;
      expect(evaluate(when as string, { nowMs: Date.parse(at as string) })).toBe("true");
    },
  );

  it("are errors in zones that do not exist", () => {
    expect(evaluate("now.getHours('Europe/Nowhere') == 1")).toBe("error");
    expect(evaluate("now.getHours(jwt.zone) == 1", { claims: { zone: "" } })).toBe("error");
  });
});

describe("whether a member is there", () => {
  it.each<[unknown, string]>([
    [{ force: true }, "true"],
    [{}, "false"],
    ...['{"force":true}', 1, true, [], [{ force: true }], null].map((o): [unknown, string] => [o, "error"]),
  ])("of %j: %s", (o, expected) => {
    expect(evaluate("has(mcp.tool.arguments.o.force)", { args: { o } })).toBe(expected);
    expect(evaluate("[jwt.o].exists(o, has(o.force))", { claims: { o } })).toBe(expected);
  });

  it.each([[[]], [[{ a: 1 }]], ["{}"], [1], [true]])("fails for arguments that are %j", (args) => {
    expect(evaluate("has(mcp.tool.arguments.a)", { args })).toBe("error");
    expect(evaluate("has(mcp.tool.arguments.a) || true", { args })).toBe("error");
    expect(evaluate("has(jwt.a)", { args })).toBe("false");
  });

  it.each([[undefined], [null], [{}]])("is false for arguments that are %j", (args) => {
    expect(evaluate("has(mcp.tool.arguments.a)", { args })).toBe("false");
  });
});

describe("values of different types", () => {
  it.each<[string, unknown, string]>([
    ["jwt.v == true", true, "true"],
    ...["true", 1, null, [true], { true: true }].map((v): [string, unknown, string] => [
      "jwt.v == true",
      v,
      v === null ? "false" : "error",
    ]),
    ["jwt.v == 5000", "5000", "error"],
    ["jwt.v == 5000", 5000, "true"],
    ["jwt.v == 5000u", 5000.5, "false"],
    ["jwt.v != 'prod'", ["prod"], "error"],
    ["jwt.v != 'prod'", "test", "true"],
    ["jwt.v != null", "test", "true"],
    ["jwt.v == null", null, "true"],
    ["jwt.v == [1, 2]", [1, "2"], "error"],
    ["jwt.v == [1, 2]", [3, "2"], "false"],
    ["jwt.v == [1, 2]", [1], "false"],
    ["jwt.v == {'a': 1}", { a: "1" }, "error"],
    ["jwt.v == {'a': null}", { a: null }, "true"],
    ["jwt.v == {'a': null}", { b: null }, "false"],
    ["jwt.v == {'a': 1}", [1], "error"],
    ["timestamp(jwt.v) == now", "2026-03-02T12:00:00Z", "true"],
    ["duration(jwt.v) == duration('60s')", "1m", "true"],
    ["bytes(jwt.v) == b'a'", "a", "true"],
    ["type(jwt.v) == string", "a", "true"],
    ["type(jwt.v) == list", "a", "false"],
    ["0.0 / jwt.v == 0.0 / jwt.v", 0, "false"],
  ])("%s for %j: %s", (when, v, expected) => {
    expect(evaluate(when, { claims: { v } })).toBe(expected);
  });

  it.each<[string, unknown, string]>([
    ["'a' in jwt.v", ["b", "a"], "true"],
    ["'a' in jwt.v", [1, "a"], "true"],
    ["'a' in jwt.v", ["b", null], "false"],
    ["'a' in jwt.v", [], "false"],
    ["'a' in jwt.v", [["a"]], "error"],
    ["5 in jwt.v", ["5", 1], "error"],
    ["5 in jwt.v", { 5: 1 }, "error"],
    ["'5' in jwt.v", { 5: 1 }, "true"],
    ["2 in {1: jwt.v}", 1, "false"],
    ["jwt.v in [1, 'one']", "one", "true"],
    ["jwt.v in [1, 'one']", "two", "false"],
    ["jwt.v in [1, 'one']", true, "error"],
    ["jwt.v in [1, 2]", "1", "error"],
  ])("%s for %j: %s", (when, v, expected) => {
    expect(evaluate(when, { claims: { v } })).toBe(expected);
  });

  it("are not walked over: a map where a list may be meant", () => {
    const args = { tables: { a: "users" } };
    expect(evaluate("mcp.tool.arguments.tables.all(t, t != 'users')", { args })).toBe("error");
    expect(evaluate("mcp.tool.arguments.tables.exists(t, t == 'users')", { args })).toBe("error");
    expect(evaluate("mcp.tool.arguments.all(k, k == 'tables')", { args })).toBe("true");
    expect(evaluate("{'a': 1}.exists(k, k == 'a') && jwt.exists(k, k == 'v')", { args, claims: { v: 1 } })).toBe(
      "true",
    );
  });
});
