import type { NoteVerifier } from "../../crypto/note.ts";
import {
  describeNewer,
  firstPrev,
  maxLineBytes,
  type NewerRecord,
  type OpenedRecord,
  openRecord,
  type SoundRecord,
} from "../chain.ts";
import type { Checkpoint } from "../checkpoint.ts";
import { plainName, readFileName } from "../files/layout.ts";
import type { LinePiece } from "../files/lines.ts";
import { Findings } from "./findings.ts";
import { Gap, readTorn } from "./gap.ts";
import { Removals } from "./removals.ts";
import type { ChainReport, FindingKind } from "./report.ts";
import { Signatures } from "./signatures.ts";

/** What a trail is compared with. */
export interface CheckOptions {
  /** Keys that sign checkpoints; without any the signatures are not looked at. */
  readonly verifiers?: readonly NoteVerifier[];
  /** Checkpoints that were kept elsewhere; those of other trails are passed over here. */
  readonly kept?: readonly Checkpoint[];
  /**
   * What is read: a `trail`, which has to say what was removed before its first record, a `file` of one, which may begin as the
   * next one does when a file is closed, or a `part`, which may begin anywhere. Default: `trail`.
   */
  readonly extent?: "trail" | "file" | "part";
  /** Whether a closed file, by its name without `.gz`, may lack records if it has this digest. Default: the trail itself has to say so. */
  readonly mayLack?: (file: string, digest: string) => boolean;
}

/** Follows the chain line by line. Pure: the lines come from the caller, and only counters, a hash and findings are kept. */
export class ChainCheck {
  readonly #signatures: Signatures;
  readonly #extent: CheckOptions["extent"];
  readonly #mayLack: NonNullable<CheckOptions["mayLack"]>;
  #file = "";
  /** A record of this file stood in its place. */
  #isBegun = false;
  readonly #removals: Removals;
  #trail: string | null = null;
  /** The first record, where it is not the first of all. */
  #beginning: { readonly seq: number; readonly prev: string; readonly file: string; readonly line: number } | null =
    null;
  /** Number and hash of the last record of each part that was removed when its time was over. */
  readonly #expired = new Set<string>();
  readonly #findings = new Findings();
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
  #stopped = false;
  /** The last line was a record of a later format. */
  #newer = false;

  constructor({ verifiers = [], kept = [], extent = "trail", mayLack = () => false }: CheckOptions = {}) {
    this.#signatures = new Signatures(verifiers, kept);
    this.#removals = new Removals(verifiers.length > 0);
    this.#extent = extent;
    this.#mayLack = mayLack;
  }

  /** From now on lines are read from this file, which goes on where the one before ended. */
  beginFile(name: string): void {
    this.#reportGap();
    this.#open = false;
    this.#file = name;
    this.#line = 0;
    this.#isBegun = false;
  }

  /** Whether records are missing within the file so far: then {@link endFile} has to be told its digest. */
  get hasHoles(): boolean {
    return this.#findings.hasHoles(plainName(this.#file));
  }

  /** @param digest `sha256:` over all bytes of the file, which was read to its end */
  endFile(digest: string): void {
    const name = plainName(this.#file);
    this.#findings.close(name, digest);
    if (this.#mayLack(name, digest)) this.#findings.accept(name, digest);
  }

  /** The rest of the file cannot be decompressed. */
  breakOff(): void {
    this.#reportGap();
    this.#expectedPrev = null;
    this.#report("unreadable", "the compressed file is damaged: it cannot be read beyond this line.", null);
  }

  /** Takes the next line, or a piece of one. @returns what it is */
  read({ bytes, ended, first }: LinePiece): OpenedRecord {
    if (first) this.#line += 1;
    const long = !first || bytes.length > maxLineBytes;
    const record: OpenedRecord = long ? { state: "unfinished" } : openRecord(bytes);
    this.#open = !ended && record.state === "unfinished";
    if (record.state === "unfinished") {
      // An unended last line is reported by itself: alone it is what any crash leaves behind. A long one may still end.
      if (this.#open && !long) this.#reportGap();
      this.#widenGap(bytes, first);
      return record;
    }
    const behindNewer = this.#newer;
    this.#newer = record.state === "newer";
    if (record.state === "sound") this.#follow(record);
    else if (record.state === "newer") this.#passOver(record, behindNewer);
    else this.#reportAltered(record.seq, record.hash);
    return record;
  }

  /** The report; to be asked for once, at the end of the file. */
  finish(): ChainReport {
    const last = this.#last;
    if (!this.#open || this.#gap?.lines !== 1) this.#reportGap();
    const gap = this.#gap;
    const tail =
      gap === null
        ? {}
        : {
            tornTail: {
              line: gap.line,
              bytes: gap.bytes,
              digest: gap.digest,
              text: "the last line has no end: the gateway or its machine stopped while writing it. Its next start declares it.",
            },
          };
    this.#reportBeginning();
    for (const { kind, text, seq } of this.#signatures.end(last?.seq ?? 0)) this.#report(kind, text, seq);
    return {
      ok: this.#findings.isEmpty,
      trail: this.#trail,
      records: this.#records,
      firstTime: this.#first?.time ?? null,
      lastTime: last?.time ?? null,
      firstSeq: this.#first?.seq ?? 0,
      lastSeq: last?.seq ?? 0,
      lastHash: last?.hash ?? firstPrev,
      stopped: gap === null && this.#stopped,
      ...this.#findings.finish(),
      removed: this.#findings.removed,
      declaredTorn: this.#declaredTorn,
      signed: this.#signatures.part,
      ...tail,
    };
  }

  #follow(record: SoundRecord): void {
    this.#settleGap(record);
    if (this.#first === null) this.#begin(record);
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
      this.#reportMissing(expected, seq);
    } else if (this.#expectedPrev !== null && prev !== this.#expectedPrev) {
      this.#report("link", `record ${seq} does not link to the record before it: one of the two was replaced.`, seq);
    }
    this.#expectedSeq = seq + 1;
    this.#expectedPrev = hash;
    this.#isBegun = true;
    this.#weigh(record);
  }

  #begin(record: SoundRecord): void {
    this.#first = record;
    const { seq, prev } = record;
    // Something else was found before it.
    if (!this.#findings.isEmpty || this.#expectedSeq > 1 || seq === 1) return;
    if (this.#extent === "trail" || (this.#extent === "file" && !this.#mayBeginFile(record)))
      this.#beginning = { seq, prev, file: this.#file, line: this.#line };
    this.#expectedSeq = seq;
    this.#expectedPrev = null;
  }

  /** After a crash before its first record a file begins with a `start`. That may stand anywhere in others, so the name has to fit. */
  #mayBeginFile({ event, seq }: SoundRecord): boolean {
    return event === "rotated" || (event === "start" && readFileName(this.#file)?.firstSeq === seq);
  }

  /** What a record says of itself and of the trail, where it stands in its place. */
  #weigh(record: SoundRecord): void {
    const { trail, seq, event, note } = record;
    this.#trail ??= trail;
    if (trail !== this.#trail) {
      this.#report("foreign", `record ${seq} is of another trail, ${trail}.`, seq);
    }
    // The last checkpoint signs the record of the stop.
    this.#stopped = event === "stop" || (this.#stopped && event === "checkpoint");
    if (event === "expired") this.#noteExpired(note);
    const doubts = this.#signatures.weigh(record);
    for (const { kind, text } of doubts) this.#report(kind, text, seq);
    const removal = trail === this.#trail ? this.#removals.hear(record, doubts.length === 0) : null;
    if (removal !== null) this.#findings.accept(removal.file, removal.digest);
  }

  #noteExpired(note: unknown): void {
    const { to, hash } = (typeof note === "object" && note !== null ? note : {}) as { to?: unknown; hash?: unknown };
    if (typeof to === "number" && typeof hash === "string") this.#expired.add(`${to} ${hash}`);
  }

  #reportBeginning(): void {
    if (this.#beginning === null) return;
    const { seq, prev, file, line } = this.#beginning;
    if (this.#expired.has(`${seq - 1} ${prev}`)) return;
    const range = seq === 2 ? "record 1 is" : `records 1 to ${seq - 1} are`;
    const text = `${range} missing before record ${seq}, and no record says that their time was over.${this.#advice}`;
    this.#findings.addFirst({ file, line, seq, kind: "missing", text });
  }

  get #advice(): string {
    return this.#extent === "file" ? " A file by itself cannot tell why: verify its directory." : "";
  }

  /** @param expected number of the record that would be next */
  #reportMissing(expected: number, seq: number): void {
    const range = seq - 1 === expected ? `record ${expected} is` : `records ${expected} to ${seq - 1} are`;
    const text = `${range} missing before record ${seq}: deleted, or moved to another place.${this.#advice}`;
    if (!this.#isBegun) {
      this.#report("missing", text, seq);
      return;
    }
    const finding = { file: this.#file, line: this.#line, seq, kind: "missing" as const, text };
    this.#findings.addHole(plainName(this.#file), finding, seq - expected);
  }

  /** All of them that follow each other are one finding: each would say the same. */
  #passOver({ version, seq, hash }: NewerRecord, reported: boolean): void {
    this.#reportGap();
    if (!reported) this.#report("version", `record ${seq} ${describeNewer(version)}`, seq);
    this.#expectedSeq = Math.max(this.#expectedSeq, seq + 1);
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
    this.#gap ??= new Gap(this.#line);
    this.#gap.widen(bytes, first);
  }

  /** A gap is accounted for when the record behind it is a `start` that declares exactly these bytes. */
  #settleGap(record: SoundRecord): void {
    const declared = readTorn(record.note);
    if (this.#gap === null) {
      if (declared !== null)
        this.#report("torn", "the record declares a torn tail, and there is none before it.", record.seq);
      return;
    }
    const { bytes, digest } = this.#gap;
    if (record.event === "start" && declared?.bytes === bytes && declared.digest === digest) {
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
    this.#findings.add({ file: this.#file, line, ...(seq === null ? {} : { seq }), kind, text });
  }
}
