/** Quantiles of any number of durations in little memory. Pure. */

/** Each bucket ends five percent above the one before, so what is told is right to that. */
const growth = Math.log(1.05);
/** A thousandth of a millisecond, which is as fine as records are. */
const leastMs = 0.001;

export class Quantiles {
  readonly #counts = new Map<number, number>();
  #total = 0;

  /** @param ms milliseconds */
  add(ms: number): void {
    const bucket = Math.ceil(Math.log(Math.max(ms, leastMs)) / growth);
    this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + 1);
    this.#total += 1;
  }

  /**
   * @param share of the values that are not above it, from 0 to 1
   * @returns milliseconds in two digits; null where there are no values
   */
  at(share: number): number | null {
    let left = Math.max(1, Math.ceil(share * this.#total));
    for (const [bucket, count] of [...this.#counts].toSorted(([a], [b]) => a - b)) {
      left -= count;
      // The middle of the bucket.
      if (left <= 0) return Number(Math.exp((bucket - 0.5) * growth).toPrecision(2));
    }
    return null;
  }
}
