/** Moments and times of day, as policies write them. Pure: what time it is, the caller says. */

export const dayNames = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;
export type DayName = (typeof dayNames)[number];

/** From `fromMs` on until just before `untilMs`, in milliseconds since the epoch. */
export interface Period {
  readonly fromMs: number;
  readonly untilMs: number;
}

export const always: Period = { fromMs: -Infinity, untilMs: Infinity };

const dateForm = /^\d{4}-\d{2}-\d{2}$/;
const momentForm = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})$/;

/**
 * Reads a date (its midnight in UTC) or a date and time with its offset (RFC 3339); a time without one would mean another
 * moment on each machine.
 *
 * @returns milliseconds since the epoch; undefined for anything else, days that do not exist included
 */
export function readInstant(text: string): number | undefined {
  if (!dateForm.test(text) && !momentForm.test(text)) return undefined;
  const ms = Date.parse(text);
  // Date.parse takes 30 February for 2 March.
  const dayMs = Date.parse(text.slice(0, 10));
  if (Number.isNaN(ms) || Number.isNaN(dayMs)) return undefined;
  return new Date(dayMs).toISOString().startsWith(text.slice(0, 10)) ? ms : undefined;
}

/** @throws Error for a moment that cannot be read: a deny that held never would let through what was written down */
export function readPeriod({ from, until }: { from?: string | undefined; until?: string | undefined }): Period {
  if (from === undefined && until === undefined) return always;
  return {
    fromMs: from === undefined ? always.fromMs : mustRead(from),
    untilMs: until === undefined ? always.untilMs : mustRead(until),
  };
}

function mustRead(text: string): number {
  const ms = readInstant(text);
  if (ms === undefined) throw new Error("a policy names a moment that does not exist");
  return ms;
}

/** The time that two periods have in common. */
export function intersect(one: Period, other: Period): Period {
  return { fromMs: Math.max(one.fromMs, other.fromMs), untilMs: Math.min(one.untilMs, other.untilMs) };
}

/** A period includes its first moment and not its last. */
export function isWithin({ fromMs, untilMs }: Period, nowMs: number): boolean {
  return fromMs <= nowMs && nowMs < untilMs;
}

/** @returns minutes since midnight, 0 to 1,440; undefined for what is no time of day */
export function readTimeOfDay(text: string): number | undefined {
  const [, hour, minute] = /^(\d{2}):(\d{2})$/.exec(text) ?? [];
  if (hour === undefined || minute === undefined || Number(minute) > 59) return undefined;
  const minutes = Number(hour) * 60 + Number(minute);
  return minutes <= minutesADay ? minutes : undefined;
}

const minutesADay = 1_440;

/** Whether it is a name of the IANA time zone database, or an offset from UTC, that this Node knows. */
export function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat("en-US", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}

/** Times of day in a time zone, as a rule writes them. */
export interface HoursText {
  readonly timeZone: string;
  readonly days?: readonly DayName[] | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

/** Whether a moment lies within the hours. A span over midnight belongs to the day it begins on. */
export type Hours = (nowMs: number) => boolean;

/** Clocks that are set forward or back move the span with them: what counts is what a clock on the wall shows. */
export function compileHours({ timeZone, days = dayNames, from = "00:00", to = "24:00" }: HoursText): Hours {
  const wallClock = createWallClock(timeZone);
  const fromMinute = readTimeOfDay(from) ?? Number.NaN;
  const toMinute = readTimeOfDay(to) ?? Number.NaN;
  const held = new Set<number>(days.map((day) => dayNames.indexOf(day)));
  return (nowMs) => {
    const { day, minute } = wallClock(nowMs);
    const begun = minute >= fromMinute;
    if (fromMinute < toMinute) return held.has(day) && begun && minute < toMinute;
    return (held.has(day) && begun) || (held.has((day + 6) % 7) && minute < toMinute);
  };
}

interface WallTime {
  /** 0 is Monday. */
  readonly day: number;
  /** Since midnight. */
  readonly minute: number;
}

/** Asking Intl takes some microseconds, so the answer is kept for the minute: no offset has had seconds since 1972. */
function createWallClock(timeZone: string): (nowMs: number) => WallTime {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone,
    weekday: "short",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  });
  let keptMinute = Number.NaN;
  let kept: WallTime = { day: 0, minute: 0 };
  return (nowMs) => {
    const minuteOfEpoch = Math.floor(nowMs / 60_000);
    if (minuteOfEpoch === keptMinute) return kept;
    const parts = new Map(format.formatToParts(nowMs).map(({ type, value }) => [type, value]));
    const day = dayNames.indexOf((parts.get("weekday") ?? "").toLowerCase() as DayName);
    kept = { day, minute: Number(parts.get("hour")) * 60 + Number(parts.get("minute")) };
    keptMinute = minuteOfEpoch;
    return kept;
  };
}
