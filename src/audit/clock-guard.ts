import type { ClockStep } from "./clock-watch.ts";

export interface ClockGuardOptions {
  /** As `watchClock` gives it. */
  readonly findStep: () => ClockStep | null;
  /** Milliseconds since any moment. */
  readonly monotonicMs: () => number;
  /** From now on the clock is not trusted for {@link distrustMs}. */
  readonly onDistrust: () => void;
}

/** A step ahead of more than this may be a mistake; machines that slept make them too. */
const suspectMs = 3_600_000;
/** Time enough for somebody to read the log, in milliseconds. */
export const distrustMs = 86_400_000;

/** Whether the age of records can be told by the clock: what is deleted by mistake does not come back. */
export class ClockGuard {
  readonly #options: ClockGuardOptions;
  readonly #steps: ClockStep[] = [];
  /** By the monotonic clock; null where it is trusted. */
  #distrustedUntilMs: number | null = null;

  constructor(options: ClockGuardOptions) {
    this.#options = options;
  }

  /** Looks at the clock. @returns the steps that nobody was told of */
  look(): readonly ClockStep[] {
    this.#find();
    return this.#steps.splice(0);
  }

  /** Looks by itself: a step must not be acted upon in the second before it is noticed. */
  trusts(): boolean {
    this.#find();
    const untilMs = this.#distrustedUntilMs;
    if (untilMs !== null && this.#options.monotonicMs() >= untilMs) this.#distrustedUntilMs = null;
    return this.#distrustedUntilMs === null;
  }

  #find(): void {
    const step = this.#options.findStep();
    if (step === null) return;
    this.#steps.push(step);
    if (step.toMs - step.fromMs <= suspectMs) return;
    const wasTrusted = this.#distrustedUntilMs === null;
    this.#distrustedUntilMs = this.#options.monotonicMs() + distrustMs;
    if (wasTrusted) this.#options.onDistrust();
  }
}
