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

/** What a `start` record declares of a torn tail; null where it declares none. */
export function readTorn(note: unknown): { bytes: unknown; digest: unknown } | null {
  if (typeof note !== "object" || note === null || !("torn" in note)) return null;
  const { torn } = note;
  return typeof torn === "object" && torn !== null
    ? { bytes: (torn as { bytes?: unknown }).bytes, digest: (torn as { digest?: unknown }).digest }
    : null;
}
