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
  celUint,
  listType,
  mapType,
  objectType,
} from "@bufbuild/cel";
import { type Timestamp, TimestampSchema, timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { pay } from "./purse.ts";

const { BOOL, DOUBLE, DYN, INT, STRING, UINT } = CelScalar;
const TIMESTAMP = objectType(TimestampSchema);
const LIST = listType(DYN);
const MAP = mapType(DYN, DYN);

/** `BigInt` and `Number` take empty text for 0, trim, and read other bases; `Number` makes anything else a NaN that no limit holds. */
const wholeForm = /^[+-]?\d{1,19}$/;
const unsignedForm = /^\d{1,20}$/;
const numberForm = /^[+-]?(?:\d{1,400}(?:\.\d{0,400})?|\.\d{1,400})(?:e[+-]?\d{1,4})?$/i;

function readWhole(text: string): bigint {
  const value = wholeForm.test(text) ? BigInt(text.replace("+", "")) : undefined;
  if (value === undefined || BigInt.asIntN(64, value) !== value) throw new RangeError("this is no whole number");
  return value;
}

function readUnsigned(text: string): bigint {
  const value = unsignedForm.test(text) ? BigInt(text) : undefined;
  if (value === undefined || BigInt.asUintN(64, value) !== value) throw new RangeError("this is no unsigned number");
  return value;
}

function readNumber(text: string): number {
  if (!numberForm.test(text)) throw new RangeError("this is no number");
  return Number(text);
}

/** Seconds of the years 1 to 9999. */
const [firstSecond, lastSecond] = [-62_135_596_800n, 253_402_300_799n];

function fromSeconds(seconds: bigint): Timestamp {
  if (seconds < firstSecond || seconds > lastSecond) throw new RangeError("this is no moment");
  return timestampFromMs(Number(seconds) * 1_000);
}

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
  const [, sign, hours, minutes] = /^([+-]?)(\d\d):(\d\d)$/.exec(zone) ?? [];
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
  celFunc("int", [STRING], INT, readWhole),
  celFunc("uint", [STRING], UINT, (text) => celUint(readUnsigned(text))),
  celFunc("double", [STRING], DOUBLE, readNumber),
  celFunc("timestamp", [INT], TIMESTAMP, fromSeconds),
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
