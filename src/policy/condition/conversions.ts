/**
 * Conversions of conditions (cel-spec, List of Standard Definitions), in the one form that each has there. The evaluator's own
 * take more: 30 February for 2 March, empty text for 0, `t` for true. A server need not read the same in it as the gateway.
 */
import { type CelFunc, CelScalar, celFunc, celUint, objectType } from "@bufbuild/cel";
import { create } from "@bufbuild/protobuf";
import {
  type Duration,
  DurationSchema,
  type Timestamp,
  TimestampSchema,
  timestampFromMs,
} from "@bufbuild/protobuf/wkt";
import { readInstant } from "../clock.ts";
import { pay } from "./purse.ts";

const { BOOL, BYTES, DOUBLE, INT, STRING, UINT } = CelScalar;
const DURATION = objectType(DurationSchema);
const TIMESTAMP = objectType(TimestampSchema);

/** `BigInt` and `Number` take empty text for 0, trim, and read other bases; `Number` makes anything else a NaN that no limit holds. */
const wholeForm = /^[+-]?\d{1,19}$/;
const unsignedForm = /^\d{1,20}$/;
const numberForm = /^[+-]?(?:\d{1,400}(?:\.\d{0,400})?|\.\d{1,400})(?:e[+-]?\d{1,4})?$/i;

function readWhole(text: string): bigint {
  const value = wholeForm.test(text) ? BigInt(text) : undefined;
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

function readTruth(text: string): boolean {
  if (text !== "true" && text !== "false") throw new RangeError("this is neither true nor false");
  return text === "true";
}

/** Seconds of the years 1 to 9999. */
const [firstSecond, lastSecond] = [-62_135_596_800n, 253_402_300_799n];

function fromSeconds(seconds: bigint): Timestamp {
  if (seconds < firstSecond || seconds > lastSecond) throw new RangeError("this is no moment");
  return timestampFromMs(Number(seconds) * 1_000);
}

/** RFC 3339, to the nanosecond. An hour 24 is of ISO 8601, and another day than the text begins with. */
const momentForm = /^(\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/;

function readMoment(text: string): Timestamp {
  pay(5_000);
  const [, seconds = "", fraction = "", zone = ""] = momentForm.exec(text) ?? [];
  const ms = readInstant(seconds + zone);
  if (ms === undefined) throw new RangeError("this is no moment");
  return { ...fromSeconds(BigInt(ms / 1_000)), nanos: Number(fraction.padEnd(9, "0")) };
}

/** As Go writes durations: `1h30m`, `-1.5s`. Each number has its unit, 0 as well. */
const durationForm = /^([+-]?)((?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|ms|s|m|h))+)$/;
const maxDurationLength = 128;
const second = 1_000_000_000n;
/** In nanoseconds. */
const units = new Map([
  ["ns", 1n],
  ["us", 1_000n],
  ["µs", 1_000n],
  ["ms", 1_000_000n],
  ["s", second],
  ["m", 60n * second],
  ["h", 3_600n * second],
]);

function readDuration(text: string): Duration {
  pay(5_000);
  const [, sign, parts] = (text.length <= maxDurationLength && durationForm.exec(text)) || [];
  if (parts === undefined) throw new RangeError("this is no duration");
  let sum = 0n;
  for (const [, whole = "", fraction = "", unit = ""] of parts.matchAll(/(\d*)\.?(\d*)([a-zµ]+)/g)) {
    sum += (BigInt(whole + fraction) * (units.get(unit) ?? 0n)) / 10n ** BigInt(fraction.length);
  }
  const nanos = sign === "-" ? -sum : sum;
  if (BigInt.asIntN(64, nanos) !== nanos) throw new RangeError("this is longer than any duration");
  return create(DurationSchema, { seconds: nanos / second, nanos: Number(nanos % second) });
}

/** The encoder gives the same bytes for all halves of characters, so that texts are equal that are not. */
function encode(text: string): Uint8Array {
  pay(text.length * 2);
  if (!text.isWellFormed()) throw new RangeError("this text has halves of characters");
  return new TextEncoder().encode(text);
}

/** Left to itself the decoder drops a byte order mark, with the same result. */
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decode(bytes: Uint8Array): string {
  pay(bytes.length * 2);
  return decoder.decode(bytes);
}

/** The specification has no such conversion. */
function refuse(): never {
  throw new TypeError("this cannot be converted");
}

export const conversions: readonly CelFunc[] = [
  celFunc("int", [STRING], INT, readWhole),
  celFunc("uint", [STRING], UINT, (text) => celUint(readUnsigned(text))),
  celFunc("double", [STRING], DOUBLE, readNumber),
  celFunc("bool", [STRING], BOOL, readTruth),
  celFunc("timestamp", [INT], TIMESTAMP, fromSeconds),
  celFunc("timestamp", [STRING], TIMESTAMP, readMoment),
  celFunc("duration", [STRING], DURATION, readDuration),
  celFunc("bytes", [STRING], BYTES, encode),
  celFunc("string", [BYTES], STRING, decode),
  celFunc("int", [DURATION], INT, refuse),
  celFunc("duration", [INT], DURATION, refuse),
];
