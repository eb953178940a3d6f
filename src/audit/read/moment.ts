/** Points in time as people name them on a command line. Pure. */
import { readDuration } from "../../config/units.ts";

const dayMs = 86_400_000;
const form = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?)(Z|[+-]\d{2}:\d{2})?)?$/;

/** From one point in time up to another, in milliseconds since the epoch; the end is no part of it. */
export interface Period {
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * `2026-08-01` is that whole day, `2026-08-01T10:00` and `2026-08-01T10:00:00.000+02:00` a moment, in UTC unless it says
 * otherwise; `1h` and `2d` are so long before now. Undefined for anything else, days that are in no calendar included.
 *
 * @param nowMs milliseconds since the epoch
 */
export function readMoment(text: string, nowMs: number): Period | undefined {
  const spanMs = readDuration(text);
  if (spanMs !== undefined) return { fromMs: nowMs - spanMs, toMs: nowMs - spanMs };
  const [, date, time, zone = "Z"] = form.exec(text) ?? [];
  if (date === undefined) return undefined;
  const midnightMs = Date.parse(`${date}T00:00:00Z`);
  // 30 February is the 2nd of March to some readers, and to us a mistake.
  if (Number.isNaN(midnightMs) || new Date(midnightMs).toISOString().slice(0, 10) !== date) return undefined;
  if (time === undefined) return { fromMs: midnightMs, toMs: midnightMs + dayMs };
  const ms = Date.parse(`${date}T${time}${zone}`);
  return Number.isNaN(ms) ? undefined : { fromMs: ms, toMs: ms };
}
