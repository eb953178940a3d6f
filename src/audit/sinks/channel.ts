/** How lines leave, one batch after the other. */
export interface Channel {
  /** The largest batch. */
  readonly most: BatchLimits;
  /**
   * Hands a batch over. A batch that failed comes again, the same lines in the same order.
   *
   * @param signal breaks it off
   * @returns how many of the lines the peer took note of and refused
   * @throws Undelivered, or any other Error, which means that it is worth another try
   */
  send(lines: readonly string[], signal: AbortSignal): Promise<number>;
  /** Lets go of what it holds, whatever is in progress. */
  close(): void;
}

export interface BatchLimits {
  readonly lines: number;
  /** One line may be larger: it then goes alone. */
  readonly bytes: number;
}

/** A peer that answered, and did not take a batch. */
export class Undelivered extends Error {
  /** The same batch would be refused again. */
  readonly isFinal: boolean;
  /** When the peer wants to be asked again, in milliseconds from now; null where it did not say. */
  readonly retryAfterMs: number | null;

  constructor(message: string, { isFinal = false, retryAfterMs = null as number | null } = {}) {
    super(message);
    this.isFinal = isFinal;
    this.retryAfterMs = retryAfterMs;
  }
}
