import { afterEach, describe, expect, it } from "vitest";
import { evaluate } from "../../fixtures/condition.ts";
import { noonMs } from "../../fixtures/policy.ts";

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
    expect(evaluate("double(jwt.n) == 12.25", { claims: { n: "12.25" } })).toBe("true");
    expect(evaluate("double(jwt.n) == 0.25", { claims: { n: ".25" } })).toBe("true");
  });
});

describe("moments read from text", () => {
  it.each([
    ["2026-03-02T12:00:00Z", 0],
    ["2026-03-02T13:30:00+01:30", 0],
    ["2026-03-01T12:01:00-23:59", 0],
    ["2026-03-02T12:00:00.25Z", 250],
    ["2026-03-02T12:00:00.999999999Z", 999],
    ["2026-03-02T11:59:59.001Z", -999],
    ["2028-02-29T00:00:00Z", Date.parse("2028-02-29") - noonMs],
    ["0001-01-01T00:00:00Z", Date.parse("0001-01-01") - noonMs],
    ["9999-12-31T23:59:59Z", Date.parse("9999-12-31T23:59:59Z") - noonMs],
  ])("%s is %d ms from noon", (t, ms) => {
    const nowMs = noonMs + ms;
    const same = "timestamp(jwt.t) >= now && timestamp(jwt.t) < now + duration('1ms')";
    expect(evaluate(same, { claims: { t }, nowMs })).toBe("true");
  });

  it.each([
    "",
    "2026-02-30T00:00:00Z",
    "2026-02-29T00:00:00Z",
    "2026-04-31T12:00:00+02:00",
    "2026-00-10T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-01-00T00:00:00Z",
    "2026-01-01T24:00:00Z",
    "2026-01-01T23:60:00Z",
    "2026-01-01T23:59:60Z",
    "2026-01-01T23:59Z",
    "2026-01-01",
    "2026-01-01T00:00:00",
    "2026-01-01 00:00:00Z",
    "2026-01-01t00:00:00z",
    "2026-01-01T00:00:00.Z",
    "2026-01-01T00:00:00.1234567890Z",
    "2026-01-01T00:00:00,5Z",
    "2026-01-01T00:00:00+24:00",
    "2026-01-01T00:00:00+01:60",
    "2026-01-01T00:00:00+0100",
    "2026-01-01T00:00:00+01",
    "2026-1-1T00:00:00Z",
    "+002026-01-01T00:00:00Z",
    "0000-12-31T00:00:00Z",
    "0001-01-01T00:00:00+01:00",
    "9999-12-31T23:59:59-01:00",
    " 2026-01-01T00:00:00Z",
    "2026-01-01T00:00:00Z\n",
    "1767225600",
  ])("%j is none", (t) => {
    expect(evaluate("timestamp(jwt.t) == timestamp(jwt.t)", { claims: { t } })).toBe("error");
  });
});

describe("durations read from text", () => {
  it.each([
    ["1h30m", "90m"],
    ["-1.5s", "-1500ms"],
    ["+2m", "120s"],
    [".5h", "30m"],
    [".25h", "15m"],
    [`${"0".repeat(127)}s`, "0s"],
    ["5.s", "5s"],
    ["1m1m", "2m"],
    ["1s1h", "1h1s"],
    ["0s", "-0h"],
    ["1us", "1µs"],
    ["0.0000000019s", "1ns"],
    ["2540400h", "9145440000s"],
    ["9223372036.854775807s", "9223372036854775807ns"],
  ])("%s is %s", (one, other) => {
    expect(evaluate("duration(jwt.one) == duration(jwt.other)", { claims: { one, other } })).toBe("true");
  });

  it("are before nothing where they are negative", () => {
    const when = "duration(jwt.t) < duration('0s') && now + duration(jwt.t) < now";
    expect(evaluate(when, { claims: { t: "-1.5s" } })).toBe("true");
    expect(evaluate(when, { claims: { t: "1.5s" } })).toBe("false");
  });

  it.each([
    "",
    "-",
    "+",
    "0",
    "1",
    "1.5",
    "s",
    ".s",
    "-.h",
    "1 h",
    " 1h",
    "1h ",
    "1h\n",
    "1H",
    "1d",
    "1h-30m",
    "--1h",
    "1h30",
    "1..5s",
    "1,5s",
    "1e3s",
    "PT1H",
    "9223372036.854775808s",
    `${"0".repeat(128)}s`,
  ])("%j is none", (t) => {
    expect(evaluate("duration(jwt.t) == duration(jwt.t)", { claims: { t } })).toBe("error");
  });
});

describe("truth read from text", () => {
  it.each([
    ["true", "true"],
    ["false", "false"],
    ...["", "t", "f", "1", "0", "True", "TRUE", "False", "FALSE", "yes", " true", "true "].map((t) => [t, "error"]),
  ])("%j: %s", (t, expected) => {
    expect(evaluate("bool(jwt.t)", { claims: { t } })).toBe(expected);
  });
});

describe("what else is converted", () => {
  it.each<[string, unknown, string]>([
    ["int(jwt.v) == 3", 3.9, "true"],
    ["int(jwt.v) == -3", -3.9, "true"],
    ["int(jwt.v) == 9223372036854774784", 2 ** 63 - 1_024, "true"],
    ["int(jwt.v) == int(jwt.v)", 2 ** 63, "error"],
    ["int(jwt.v / 0.0) == 0", 0, "error"],
    ["int(jwt.v / 0.0) == 0", 1, "error"],
    ["uint(jwt.v) == 3u", 3.9, "true"],
    ["uint(jwt.v) == uint(jwt.v)", -1, "error"],
    ["uint(jwt.v) == uint(jwt.v)", 2 ** 64, "error"],
    ["uint(jwt.v / 0.0) == 0u", 0, "error"],
    ["uint(int(jwt.v)) == 0u", -1, "error"],
    ["int(jwt.v) == 1", true, "error"],
    ["double(jwt.v) == 1.0", true, "error"],
    ["int(jwt.v) == 0", null, "error"],
    ["string(jwt.v) == 'true'", true, "true"],
    ["string(jwt.v) == '1.5'", 1.5, "true"],
    ["string(jwt.v) == ''", null, "error"],
    ["string(jwt.v) == ''", [], "error"],
    ["bool(jwt.v)", 1, "error"],
    ["string(bytes(jwt.v)) == jwt.v", "\ufeffadmin", "true"],
    ["string(bytes(jwt.v)) == 'admin'", "\ufeffadmin", "false"],
    ["string(b'\\xff') == jwt.v", "\ufffd", "error"],
    ["bytes(jwt.v) == b'\\xef\\xbf\\xbd'", "\ud800", "error"],
    ["duration(dyn(int(jwt.v))) == duration('5s')", 5, "error"],
    ["int(dyn(duration(jwt.v))) == 5", "5s", "error"],
  ])("%s for %j: %s", (when, v, expected) => {
    expect(evaluate(when, { claims: { v } })).toBe(expected);
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

describe("addresses in blocks", () => {
  it.each([
    ["10.0.0.0/8", "10.1.2.3", "true"],
    ["10.0.0.0/8", "11.0.0.0", "false"],
    ["10.0.0.0/8", "::ffff:10.1.2.3", "true"],
    ["10.0.0.0/8", "::ffff:a01:203", "true"],
    ["10.0.0.0/8", "::10.1.2.3", "false"],
    ["10.0.0.0/8", "2001:db8::1", "false"],
    ["0.0.0.0/0", "::1", "false"],
    ["::/0", "2001:db8::1", "true"],
    // As the address lists of the configuration have it.
    ["::/0", "10.1.2.3", "true"],
    ["192.0.2.7", "192.0.2.7", "true"],
    ["192.0.2.7", "192.0.2.8", "false"],
    ["2001:db8::/32", "2001:0DB8:0:0::1", "true"],
    ["fe80::/10", "fe80::1", "true"],
    ["fe80::/10", "fe80::1%eth0", "error"],
    ["10.0.0.0/8", "10.1.2.3%eth0", "error"],
    ...[
      "",
      "10.1.2",
      "010.1.2.3",
      "10.1.2.3 ",
      "10.1.2.3/32",
      "10.1.2.3:80",
      "[::1]",
      "localhost",
      "0x0a010203",
      "1",
    ].map((ip) => ["10.0.0.0/8", ip, "error"]),
    ["::/0", `${"0".repeat(64)}::1`, "error"],
  ])("of %s, %j: %s", (block, ip, expected) => {
    expect(evaluate(`jwt.ip.inCidr("${block}")`, { claims: { ip } })).toBe(expected);
  });

  it.each([[1], [null], [["10.1.2.3"]], [{ ip: "10.1.2.3" }]])("fail for %j", (ip) => {
    expect(evaluate('jwt.ip.inCidr("10.0.0.0/8")', { claims: { ip } })).toBe("error");
    expect(evaluate('!jwt.ip.inCidr("10.0.0.0/8")', { claims: { ip } })).toBe("error");
  });

  it("are paid for", () => {
    const when = (count: number) =>
      [`jwt.l.all(x, x.inCidr("10.0.0.0/8"))`, { claims: { l: new Array(count).fill("10.0.0.1") } }] as const;
    expect(evaluate(...when(1_000))).toBe("true");
    expect(evaluate(...when(4_000))).toBe("error");
  });

  it("are also what stands in the policy alone", () => {
    expect(evaluate('peer.ip.inCidr("127.0.0.0/8") && !peer.ip.inCidr("10.0.0.0/8")')).toBe("true");
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
    for (const zone of ["", "24:00", "-01:60", "99:99"]) {
      expect(evaluate("now.getHours(jwt.zone) == now.getHours(jwt.zone)", { claims: { zone } })).toBe("error");
    }
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

describe("elements", () => {
  it.each<[string, unknown, string]>([
    ["[10, 20][jwt.v] == 20", 1, "true"],
    ["[10, 20][jwt.v] == 20", true, "error"],
    ["[10, 20][jwt.v] == 20", false, "error"],
    ["[10, 20][jwt.v] == 20", "1", "error"],
    ["[10, 20][jwt.v] == 20", null, "error"],
    ["[10, 20][jwt.v] == 20", 2, "error"],
    ["[10, 20][jwt.v] == 20", -1, "error"],
    ["[10, 20][jwt.v] == 20", 0.5, "error"],
    ["[10, 20][dyn(uint(jwt.v))] == 20", 1, "true"],
    ["[10, null][jwt.v] == null", 1, "true"],
    ["jwt['v'] == 'a'", "a", "true"],
    ["jwt['w'] == 'a'", "a", "error"],
    ["jwt.v[0] == 'a'", ["a"], "true"],
    ["jwt.v[0] == 'a'", { 0: "a" }, "error"],
    ["jwt.v[0] == 'a'", "a", "error"],
    ["jwt.v['k'].m[0] == 'a'", { k: { m: ["a"] } }, "true"],
    ["has(jwt.v['k'].m)", { k: { m: null } }, "true"],
    ["{1: 'a', true: 'b'}[jwt.v] == 'a'", 1, "true"],
    ["{1: 'a', true: 'b'}[jwt.v] == 'b'", true, "true"],
    ["{1u: 'a'}[jwt.v] == 'a'", 1, "true"],
  ])("%s for %j: %s", (when, v, expected) => {
    expect(evaluate(when, { claims: { v } })).toBe(expected);
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
    ["'5' in jwt.v", { 5: 1 }, "error"],
    ["'a' in jwt.v", { a: 1 }, "error"],
    ["!('a' in jwt.v)", { b: 1 }, "error"],
    ["!('a' in jwt.v)", {}, "error"],
    ["'a' in jwt.v", "a", "error"],
    ["'a' in jwt.v", null, "error"],
    ["'a' in jwt['v']", { a: 1 }, "error"],
    ["'a' in dyn(jwt.v)", { a: 1 }, "error"],
    ["'a' in (true ? jwt.v : [])", { a: 1 }, "error"],
    ["[jwt.v].exists(x, 'a' in x)", { a: 1 }, "error"],
    ["[jwt.v].exists(x, 'a' in x)", ["a"], "true"],
    ["has(jwt.v.a)", { a: 1 }, "true"],
    ["'v' in jwt && !('w' in jwt)", 1, "true"],
    ["'v' in (true ? jwt : jwt)", 1, "true"],
    ["'v' in mcp.tool.arguments || 'v' in mcp.tool.annotations", 1, "false"],
    ["'a' in {'a': jwt.v}", 1, "true"],
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
