import { firstPrev, sealRecord } from "../../../src/audit/chain.ts";
import { LineSplitter } from "../../../src/audit/files/lines.ts";
import { type AuditLine, readLines } from "../../../src/audit/read/records.ts";
import type { AuditEntry } from "../../../src/audit/record.ts";
import { callEntry, placeOf } from "./entries.ts";

/** The text of an audit file: a line for each entry, numbered from `seq` on. */
export function fileOf(entries: readonly Partial<AuditEntry>[], seq = 1): string {
  let prev = firstPrev;
  return entries
    .map((entry, at) => {
      const { line, hash } = sealRecord(callEntry(entry), placeOf(seq + at, prev));
      prev = hash;
      return `${line}\n`;
    })
    .join("");
}

/** The same as a reader has it. */
export function linesOf(...entries: readonly Partial<AuditEntry>[]): AuditLine[] {
  return readLines(new LineSplitter().read(Buffer.from(fileOf(entries))));
}

/** A time of 1 August 2026, so many seconds after ten o'clock. */
export function at(seconds: number): string {
  return new Date(Date.UTC(2026, 7, 1, 10, 0, seconds)).toISOString();
}

export async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const collected: Item[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}
