import { createHash, type Hash } from "node:crypto";
import { firstPrev, maxLineBytes, type OpenedRecord, openRecord, type SoundRecord } from "./chain.ts";
import type { LinePiece } from "./lines.ts";

/**
 * - `edited`: the hash is not that of the line
 * - `missing`: numbers are left out
 * - `order`: a number that came before, as after a duplication or a change of order
 * - `link`: the number fits and the hash of the record before does not, so that one was replaced
 * - `unreadable`: no record, and no `start` record declares it torn
 * - `torn`: a `start` record declares a torn tail that is not there or is another one
 */
export type FindingKind = "edited" | "missing" | "order" | "link" | "unreadable" | "torn";

export interface AuditFinding {
  /** Counted from 1. */
  readonly line: number;
  /** What the line claims to be. */
  readonly seq?: number;
  readonly kind: FindingKind;
  readonly text: string;
}

export interface ChainReport {
  /** True when there are no findings. */
  readonly ok: boolean;
  /** Records whose own hash is right. */
  readonly records: number;
  /** ISO 8601; null in a file without records. */
  readonly firstTime: string | null;
  readonly lastTime: string | null;
  /** Number and hash of the last record: kept elsewhere, they show later whether the end was cut off or rewritten. */
  readonly lastSeq: number;
  readonly lastHash: string;
  /** False while a gateway writes, after one was killed, and when the end was cut off: the file alone cannot tell. */
  readonly stopped: boolean;
  /** In order of the lines; at most {@link maxFindings} of them. */
  readonly findings: readonly AuditFinding[];
  /** Findings beyond those. */
  readonly moreFindings: number;
  /** Torn writes that the `start` record behind them declares. */
  readonly declaredTorn: number;
  /** A last line without its end. Not a finding: the next start of the gateway declares it. */
  readonly tornTail?: { readonly line: number; readonly bytes: number; readonly digest: string; readonly text: string };
}

export const maxFindings = 1_000;

/** Lines that are no records, one behind the other. */
interface Gap {
  readonly line: number;
  readonly hash: Hash;
  lines: number;
  bytes: number;
}

/** Follows the chain line by line. Pure: the lines come from the caller, and only counters and one hash are kept. */
export class ChainCheck {
  readonly #findings: AuditFinding[] = [];
  #moreFindings = 0;
  #line = 0;
  #records = 0;
  #declaredTorn = 0;
  #expectedSeq = 1;
  /** Null behind something that was found already: any link is taken. */
  #expectedPrev: string | null = firstPrev;
  #first: SoundRecord | null = null;
  #last: SoundRecord | null = null;
  #gap: Gap | null = null;
  /** The last line so far is no record and has not ended. */
  #open = false;

  read({ bytes, ended, first }: LinePiece): void {
    if (first) this.#line += 1;
    const long = !first || bytes.length > maxLineBytes;
    const record: OpenedRecord = long ? { state: "unfinished" } : openRecord(bytes);
    this.#open = !ended && record.state === "unfinished";
    if (record.state === "unfinished") {
      // An unended last line is reported by itself: alone it is what any crash leaves behind.
      if (this.#open && first) this.#reportGap();
      this.#widenGap(bytes, first);
      return;
    }
    if (record.state === "sound") this.#follow(record);
    else this.#reportAltered(record.seq, record.hash);
  }

  /** The report; to be asked for once, at the end of the file. */
  finish(): ChainReport {
    const gap = this.#gap;
    const last = this.#last;
    const tail =
      gap === null || !this.#open
        ? {}
        : {
            tornTail: {
              line: gap.line,
              bytes: gap.bytes,
              digest: `sha256:${gap.hash.digest("hex")}`,
              text: "the last line has no end: the gateway or its machine stopped while writing it. Its next start declares it.",
            },
          };
    if (!this.#open) this.#reportGap();
    return {
      ok: this.#findings.length === 0,
      records: this.#records,
      firstTime: this.#first?.time ?? null,
      lastTime: last?.time ?? null,
      lastSeq: last?.seq ?? 0,
      lastHash: last?.hash ?? firstPrev,
      stopped: gap === null && last?.event === "stop",
      findings: this.#findings,
      moreFindings: this.#moreFindings,
      declaredTorn: this.#declaredTorn,
      ...tail,
    };
  }

  #follow(record: SoundRecord): void {
    this.#settleGap(record);
    this.#first ??= record;
    this.#last = record;
    this.#records += 1;
    const { seq, prev, hash } = record;
    const expected = this.#expectedSeq;
    if (seq < expected) {
      this.#report(
        "order",
        `record ${seq} does not belong here: ${expected} would be next. It was moved, repeated or put in.`,
        seq,
      );
      return;
    }
    if (seq > expected) {
      const range = seq - 1 === expected ? `record ${expected} is` : `records ${expected} to ${seq - 1} are`;
      this.#report("missing", `${range} missing before record ${seq}: deleted, or moved to another place.`, seq);
    } else if (this.#expectedPrev !== null && prev !== this.#expectedPrev) {
      this.#report("link", `record ${seq} does not link to the record before it: one of the two was replaced.`, seq);
    }
    this.#expectedSeq = seq + 1;
    this.#expectedPrev = hash;
  }

  #reportAltered(seq: number | null, hash: string | null): void {
    this.#reportGap();
    const name = seq === null ? "the record" : `record ${seq}`;
    this.#report("edited", `${name} was changed after it was written: its hash does not fit its text.`, seq);
    this.#expectedSeq += 1;
    this.#expectedPrev = hash;
  }

  #widenGap(bytes: Buffer, first: boolean): void {
    this.#gap ??= { line: this.#line, hash: createHash("sha256"), lines: 0, bytes: 0 };
    const gap = this.#gap;
    if (first && gap.lines > 0) {
      gap.hash.update("\n");
      gap.bytes += 1;
    }
    if (first) gap.lines += 1;
    gap.hash.update(bytes);
    gap.bytes += bytes.length;
  }

  /** A gap is accounted for when the record behind it is a `start` that declares exactly these bytes. */
  #settleGap(record: SoundRecord): void {
    const declared = readTorn(record.note);
    if (this.#gap === null) {
      if (declared !== null)
        this.#report("torn", "the record declares a torn tail, and there is none before it.", record.seq);
      return;
    }
    const { bytes, hash } = this.#gap;
    const fits = record.event === "start" && declared?.bytes === bytes;
    if (fits && declared.digest === `sha256:${hash.copy().digest("hex")}`) {
      this.#declaredTorn += 1;
      this.#gap = null;
      return;
    }
    this.#reportGap();
    this.#expectedSeq = Math.max(this.#expectedSeq, record.seq);
    if (declared !== null)
      this.#report("torn", "the record declares another torn tail than the one before it.", record.seq);
  }

  #reportGap(): void {
    const gap = this.#gap;
    if (gap === null) return;
    this.#gap = null;
    this.#expectedPrev = null;
    const what = gap.lines === 1 ? "this line is no record" : `${gap.lines} lines from here are no records`;
    this.#report("unreadable", `${what}, and no start record behind declares a torn write.`, null, gap.line);
  }

  #report(kind: FindingKind, text: string, seq: number | null, line = this.#line): void {
    if (this.#findings.length < maxFindings)
      this.#findings.push({ line, ...(seq === null ? {} : { seq }), kind, text });
    else this.#moreFindings += 1;
  }
}

function readTorn(note: unknown): { bytes: unknown; digest: unknown } | null {
  if (typeof note !== "object" || note === null || !("torn" in note)) return null;
  const { torn } = note;
  return typeof torn === "object" && torn !== null
    ? { bytes: (torn as { bytes?: unknown }).bytes, digest: (torn as { digest?: unknown }).digest }
    : null;
}
