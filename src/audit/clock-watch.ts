/** A step of the wall clock; both in milliseconds since the epoch. */
export interface ClockStep {
  /** What it would have shown without the step. */
  readonly fromMs: number;
  /** What it shows. */
  readonly toMs: number;
}

/** Clocks are slewed by less than that, and a machine that slept is asked for more. */
const toleratedMs = 2_000;

/**
 * Compares the wall clock, which is set by people and protocols, with the monotonic one, which is not. A pause of the process
 * is none of the clock: both go on.
 *
 * @param wallMs milliseconds since the epoch
 * @param monotonicMs milliseconds since any moment
 * @returns asks for the step since it was asked last; null where there is none
 */
export function watchClock(wallMs: () => number, monotonicMs: () => number): () => ClockStep | null {
  let offsetMs = wallMs() - monotonicMs();
  return () => {
    const elapsedMs = monotonicMs();
    const toMs = wallMs();
    const fromMs = offsetMs + elapsedMs;
    // What is slewed must not add up to a step.
    offsetMs = toMs - elapsedMs;
    return Math.abs(toMs - fromMs) > toleratedMs ? { fromMs: Math.round(fromMs), toMs } : null;
  };
}
