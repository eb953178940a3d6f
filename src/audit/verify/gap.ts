import { createHash } from "node:crypto";

/** Lines that are no records, one behind the other. */
export class Gap {
  /** Number of the first of them. */
  readonly line: number;
  lines = 0;
  bytes = 0;
  readonly #hash = createHash("sha256");

  constructor(line: number) {
    this.line = line;
  }

  /** @param first false for the further pieces of a line */
  widen(bytes: Buffer, first: boolean): void {
    if (first && this.lines > 0) {
      this.#hash.update("\n");
      this.bytes += 1;
    }
    if (first) this.lines += 1;
    this.#hash.update(bytes);
    this.bytes += bytes.length;
  }

  /** `sha256:` over all lines, joined by newlines. */
  get digest(): string {
    return `sha256:${this.#hash.copy().digest("hex")}`;
  }
}

/**
 * What a `start` record declares of a torn tail; null where it declares none. What is said in another form than the gateway's is of no
 * tail that there is.
 */
export function readTorn(note: unknown): { bytes?: unknown; digest?: unknown } | null {
  const { torn } = (typeof note === "object" && note !== null ? note : {}) as { torn?: unknown };
  if (torn == null) return null;
  return typeof torn === "object" ? torn : {};
}
