/** Spans of time, as pages say them. Pure. */

const units = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1_000],
] as const;

/** How long something holds, in the largest unit of which there is one, and no more than there is: `30 days`, `8 hours`. @param ms milliseconds */
export function sayLife(ms: number): string {
  const [unit, size] = units.find(([, each]) => ms >= each) ?? ["second", 1_000];
  return count(Math.floor(ms / size), unit);
}

/** How long to wait, in seconds up to a minute and a half and minutes from there on, and no less than there is. @param ms milliseconds */
export function sayWait(ms: number): string {
  return ms > 90_000 ? count(Math.ceil(ms / 60_000), "minute") : count(Math.ceil(ms / 1_000), "second");
}

/** What is said to whoever has to wait because of too many attempts. */
export function sayTooMany(waitMs: number): string {
  return `Too many attempts. Try again in ${sayWait(waitMs)}.`;
}

function count(number: number, unit: string): string {
  return `${number} ${unit}${number === 1 ? "" : "s"}`;
}
