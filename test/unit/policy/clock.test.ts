import { describe, expect, it } from "vitest";
import {
  compileHours,
  intersect,
  isTimeZone,
  isWithin,
  readInstant,
  readPeriod,
  readTimeOfDay,
} from "../../../src/policy/clock.ts";

describe("moments", () => {
  it.each([
    ["2026-03-02", "2026-03-02T00:00:00.000Z"],
    ["2028-02-29", "2028-02-29T00:00:00.000Z"],
    ["2026-03-02T12:00Z", "2026-03-02T12:00:00.000Z"],
    ["2026-03-02T12:00:01Z", "2026-03-02T12:00:01.000Z"],
    ["2026-03-02T12:00:01.5Z", "2026-03-02T12:00:01.500Z"],
    ["2026-03-02T12:00:01.123Z", "2026-03-02T12:00:01.123Z"],
    ["2026-03-02T00:30:00+01:00", "2026-03-01T23:30:00.000Z"],
    ["2026-03-02T23:30:00-05:30", "2026-03-03T05:00:00.000Z"],
  ])("%s is %s", (text, iso) => {
    expect(new Date(readInstant(text) ?? Number.NaN).toISOString()).toBe(iso);
  });

  it.each([
    ...[
      "",
      "now",
      "2026",
      "2026-03",
      "26-03-02",
      "2026-3-2",
      "2026-02-29",
      "2026-02-30",
      "2026-04-31",
      "2026-13-01",
      "2026-00-01",
      "2026-01-00",
    ],
    ...[
      "2026-03-02T12:00",
      "2026-03-02T12:00:00",
      "2026-03-02T12Z",
      "2026-03-02 12:00:00Z",
      "2026-03-02T12:00:00 Z",
      "2026-03-02T25:00:00Z",
      "2026-03-02T12:60:00Z",
    ],
    ...[
      "2026-03-02T12:00:00.1234Z",
      "2026-03-02T12:00:00+0100",
      "2026-03-02T12:00:00+01",
      "2026-02-30T12:00:00Z",
      "x2026-03-02",
      "2026-03-02x",
      "2026-03-02T12:00:00Zx",
      "x2026-03-02T12:00:00Z",
      "20260-03-02",
      "2026-03-020",
    ],
    ...["1772452800", "Mon, 02 Mar 2026 12:00:00 GMT", "2026-03-02T12:00:00z"],
  ])("%j is none", (text) => {
    expect(readInstant(text)).toBeUndefined();
  });
});

describe("periods", () => {
  it("have a beginning and no end in them", () => {
    const period = readPeriod({ from: "2026-03-02", until: "2026-03-03" });
    expect([-1, 0, 86_399_999, 86_400_000].map((ms) => isWithin(period, Date.parse("2026-03-02") + ms))).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });

  it("last for ever where nothing else is said", () => {
    expect([-8.64e15, 0, 8.64e15].map((ms) => isWithin(readPeriod({}), ms))).toEqual([true, true, true]);
    expect(isWithin(readPeriod({ from: "2026-03-02" }), 8.64e15)).toBe(true);
    expect(isWithin(readPeriod({ until: "2026-03-02" }), -8.64e15)).toBe(true);
  });

  it("have in common what lies in both", () => {
    expect(intersect({ fromMs: 1, untilMs: 5 }, { fromMs: 3, untilMs: 9 })).toEqual({ fromMs: 3, untilMs: 5 });
    expect(isWithin(intersect({ fromMs: 1, untilMs: 3 }, { fromMs: 3, untilMs: 9 }), 3)).toBe(false);
  });

  it("are not made up of moments that do not exist", () => {
    expect(() => readPeriod({ from: "2026-02-30" })).toThrow("a moment that does not exist");
    expect(() => readPeriod({ until: "soon" })).toThrow("a moment that does not exist");
  });
});

describe("times of day", () => {
  it.each([
    ["00:00", 0],
    ["00:01", 1],
    ["09:30", 570],
    ["23:59", 1_439],
    ["24:00", 1_440],
  ] as const)("%s is minute %d", (text, minute) => {
    expect(readTimeOfDay(text)).toBe(minute);
  });

  it.each([
    "",
    "9:30",
    "09:3",
    "0930",
    "24:01",
    "25:00",
    "12:60",
    "99:99",
    "-1:00",
    "12:00:00",
    "x12:00",
    "12:00x",
    "noon",
  ])("%j is none", (text) => {
    expect(readTimeOfDay(text)).toBeUndefined();
  });

  it.each([
    ["UTC", true],
    ["Europe/Berlin", true],
    ["Europe/Nowhere", false],
    ["", false],
    ["Local time", false],
  ])("zone %j: %s", (zone, exists) => {
    expect(isTimeZone(zone)).toBe(exists);
  });
});

describe("hours", () => {
  const at = (text: string) => Date.parse(text);

  it("last all day where nothing else is said", () => {
    const hours = compileHours({ timeZone: "UTC", days: ["mon"] });
    expect(
      ["2026-03-01T23:59:59Z", "2026-03-02T00:00:00Z", "2026-03-02T23:59:59Z", "2026-03-03T00:00:00Z"].map((text) =>
        hours(at(text)),
      ),
    ).toEqual([false, true, true, false]);
  });

  it("begin where only an end is said, and end where only a beginning is", () => {
    const [morning, evening] = [
      compileHours({ timeZone: "UTC", to: "06:00" }),
      compileHours({ timeZone: "UTC", from: "18:00" }),
    ];
    const moments = [
      "2026-03-02T00:00Z",
      "2026-03-02T05:59Z",
      "2026-03-02T06:00Z",
      "2026-03-02T17:59Z",
      "2026-03-02T18:00Z",
      "2026-03-02T23:59Z",
    ].map(at);
    expect(moments.map(morning)).toEqual([true, true, false, false, false, false]);
    expect(moments.map(evening)).toEqual([false, false, false, false, true, true]);
  });

  it("do not keep an answer for another minute, before or after", () => {
    const hours = compileHours({ timeZone: "UTC", from: "12:00", to: "12:01" });
    const moments = [
      "2026-03-02T12:00:30Z",
      "2026-03-02T12:01:00Z",
      "2026-03-02T12:00:59.999Z",
      "2026-03-02T11:59:59.999Z",
      "1969-12-31T12:00:00Z",
      "1969-12-31T11:59:59.999Z",
    ].map(at);
    expect(moments.map(hours)).toEqual([true, false, true, false, true, false]);
  });

  it("of a night belong to the day it begins on, from Sunday to Monday as well", () => {
    const hours = compileHours({ timeZone: "UTC", days: ["sun"], from: "22:00", to: "06:00" });
    const moments = [
      "2026-03-01T05:59Z",
      "2026-03-01T22:00Z",
      "2026-03-02T05:59Z",
      "2026-03-02T06:00Z",
      "2026-03-02T22:00Z",
    ].map(at);
    expect(moments.map(hours)).toEqual([false, true, true, false, false]);
  });
});
