const firstMs = 500;
const mostMs = 30_000;
/** A peer may ask for more patience than that, but not for any amount of it. */
const mostAskedMs = 300_000;

/**
 * How long to wait before the next try: twice as long each time up to half a minute, less up to half of it by chance, so that
 * many gateways do not come back at once. What the peer asked for is the least.
 *
 * @param failures in a row, at least 1
 * @param chance from 0 up to 1
 * @returns milliseconds
 */
export function backoffMs(failures: number, chance: number, askedMs: number | null = null): number {
  const fullMs = Math.min(firstMs * 2 ** (failures - 1), mostMs);
  const ownMs = Math.round(fullMs * (1 - chance / 2));
  return Math.max(ownMs, Math.min(askedMs ?? 0, mostAskedMs));
}

/**
 * `Retry-After` (RFC 9110 section 10.2.3) in milliseconds from now: a number of seconds or a date in GMT; null for anything else.
 *
 * @param nowMs milliseconds since the epoch
 */
export function readRetryAfter(value: string | string[] | undefined, nowMs: number): number | null {
  if (typeof value !== "string") return null;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1_000;
  // Other texts are dates to Node as well, such as "-1".
  const atMs = value.endsWith(" GMT") ? Date.parse(value) : Number.NaN;
  return Number.isNaN(atMs) ? null : Math.max(atMs - nowMs, 0);
}
