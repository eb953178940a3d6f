import { type AuditFinding, maxFindings } from "./report.ts";

/** Records that are missing within one file. */
interface Holes {
  /** Over all bytes of the file; null while it is read. */
  digest: string | null;
  records: number;
  findings: number;
}

interface Found {
  readonly finding: AuditFinding;
  /** Name of the closed file that it is a hole in. */
  readonly holed: string | null;
}

/**
 * What was found, in the order of the lines. Whether a hole in a closed file is a finding shows only later, when a record says that the
 * gateway left the file so. Pure.
 */
export class Findings {
  #list: Found[] = [];
  #total = 0;
  #listedHoles = 0;
  readonly #holes = new Map<string, Holes>();
  #removed = 0;

  /** Records that are missing, and that were taken out when their time was over. */
  get removed(): number {
    return this.#removed;
  }

  get isEmpty(): boolean {
    return this.#total === 0 && this.#holes.size === 0;
  }

  add(finding: AuditFinding): void {
    this.#total += 1;
    if (this.#total <= maxFindings) this.#list.push({ finding, holed: null });
  }

  /** Adds what stands before all others. */
  addFirst(finding: AuditFinding): void {
    this.#total += 1;
    this.#list.unshift({ finding, holed: null });
  }

  /**
   * Adds a finding that may turn out to be none.
   *
   * @param file name of the closed file, without `.gz`
   * @param records how many are missing
   */
  addHole(file: string, finding: AuditFinding, records: number): void {
    const holes = this.#holes.get(file) ?? { digest: null, records: 0, findings: 0 };
    this.#holes.set(file, holes);
    holes.records += records;
    holes.findings += 1;
    // One of each file in any case, so that no file is passed over in silence.
    if (holes.findings > 1 && this.#listedHoles >= maxFindings) return;
    this.#list.push({ finding, holed: file });
    this.#listedHoles += 1;
  }

  hasHoles(file: string): boolean {
    return this.#holes.has(file);
  }

  /** @param digest over all bytes of the file, which was read to its end */
  close(file: string, digest: string): void {
    const holes = this.#holes.get(file);
    if (holes !== undefined) holes.digest = digest;
  }

  /** Takes back what was found missing in a file that was read, if that is its digest. */
  accept(file: string, digest: string): void {
    const holes = this.#holes.get(file);
    if (holes?.digest !== digest) return;
    this.#holes.delete(file);
    this.#removed += holes.records;
    this.#list = this.#list.filter(({ holed }) => holed !== file);
    this.#listedHoles = this.#list.filter(({ holed }) => holed !== null).length;
  }

  /** What has not been taken back; at most {@link maxFindings}, and how many there are besides. */
  finish(): { readonly findings: readonly AuditFinding[]; readonly moreFindings: number } {
    const findings = this.#list.slice(0, maxFindings).map(({ finding }) => finding);
    const total = [...this.#holes.values()].reduce((sum, holes) => sum + holes.findings, this.#total);
    return { findings, moreFindings: total - findings.length };
  }
}
