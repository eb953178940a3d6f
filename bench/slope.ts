/** A heap that was weighed. */
export interface Point {
  /** How many sessions or messages there were so far. */
  readonly at: number;
  readonly heapBytes: number;
}

/** Bytes for each further one: the slope of the line that fits best. */
export function fitSlope(weighed: readonly Point[]): number {
  const mean = (pick: (point: Point) => number) =>
    weighed.reduce((sum, point) => sum + pick(point), 0) / weighed.length;
  const meanAt = mean(({ at }) => at);
  const meanBytes = mean(({ heapBytes }) => heapBytes);
  const covariance = mean(({ at, heapBytes }) => (at - meanAt) * (heapBytes - meanBytes));
  return covariance / mean(({ at }) => (at - meanAt) ** 2);
}
