/**
 * Functions of conditions where the evaluator's own differ from the specification (cel-spec, List of Standard Definitions) in a
 * way that a decision could rest on.
 */
import {
  type CelFunc,
  type CelList,
  CelScalar,
  type CelValue,
  celFunc,
  celList,
  celMethod,
  listType,
  mapType,
  objectType,
} from "@bufbuild/cel";
import { type Timestamp, TimestampSchema, timestampMs } from "@bufbuild/protobuf/wkt";
import { conversions } from "./conversions.ts";
import { pay } from "./purse.ts";

const { BOOL, DYN, INT, STRING } = CelScalar;
const TIMESTAMP = objectType(TimestampSchema);
const LIST = listType(DYN);
const MAP = mapType(DYN, DYN);

/** Elements behind lists that were put together: macros add one after the other, and asking a list of lists takes its depth. */
const elements = new WeakMap<CelList, readonly CelValue[]>();

function joinLists(one: CelList, other: CelList): CelList {
  pay(one.size + other.size * 50);
  const all = [...(elements.get(one) ?? one), ...other];
  const joined = celList(all);
  elements.set(joined, all);
  return joined;
}

const calendar = {
  getFullYear: (date: Date) => date.getUTCFullYear(),
  getMonth: (date: Date) => date.getUTCMonth(),
  getDate: (date: Date) => date.getUTCDate(),
  getDayOfMonth: (date: Date) => date.getUTCDate() - 1,
  getDayOfWeek: (date: Date) => date.getUTCDay(),
  getDayOfYear: (date: Date) => Math.floor((date.getTime() - new Date(date).setUTCMonth(0, 1)) / 86_400_000),
  getHours: (date: Date) => date.getUTCHours(),
  getMinutes: (date: Date) => date.getUTCMinutes(),
  getSeconds: (date: Date) => date.getUTCSeconds(),
  getMilliseconds: (date: Date) => date.getUTCMilliseconds(),
};

/** A date whose UTC parts are what clocks show in a zone: parts in local time depend on the machine, and skip an hour in spring. */
function wallDate(ms: number, zone: string): Date {
  const [, sign, hours, minutes] = /^([+-]?)([01]\d|2[0-3]):([0-5]\d)$/.exec(zone) ?? [];
  if (sign !== undefined) {
    const offset = (Number(hours) * 60 + Number(minutes)) * 60_000;
    return new Date(sign === "-" ? ms - offset : ms + offset);
  }
  pay(2_000);
  const parts = new Map(
    formatOf(zone)
      .formatToParts(ms)
      .map(({ type, value }) => [type, Number(value)]),
  );
  const part = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? Number.NaN;
  const date = new Date(0);
  date.setUTCFullYear(part("year"), part("month") - 1, part("day"));
  date.setUTCHours(part("hour"), part("minute"), part("second"), ((ms % 1_000) + 1_000) % 1_000);
  return date;
}

const formats = new Map<string, Intl.DateTimeFormat>();
const maxFormats = 100;

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const known = formats.get(timeZone);
  if (known !== undefined) return known;
  pay(100_000);
  const two = "2-digit";
  const parts = { year: "numeric", month: two, day: two, hour: two, minute: two, second: two } as const;
  const format = new Intl.DateTimeFormat("en-US", { timeZone, hourCycle: "h23", ...parts });
  if (formats.size >= maxFormats) formats.clear();
  formats.set(timeZone, format);
  return format;
}

export const soundFunctions: readonly CelFunc[] = [
  ...conversions,
  celFunc("_+_", [LIST, LIST], LIST, joinLists),
  celFunc("@in", [STRING, MAP], BOOL, (name, map) => map.has(name)),
  ...Object.entries(calendar).flatMap(([name, part]) => [
    celMethod(name, TIMESTAMP, [], INT, function () {
      return BigInt(part(new Date(timestampMs(this.message as Timestamp))));
    }),
    celMethod(name, TIMESTAMP, [STRING], INT, function (zone) {
      return BigInt(part(wallDate(timestampMs(this.message as Timestamp), zone)));
    }),
  ]),
];
