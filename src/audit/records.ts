import { LineSplitter } from "./lines.ts";
import type { AuditRecord } from "./record.ts";
import { findTrails, openTrailFile } from "./verify.ts";

/**
 * Reads the records of a path one after the other, file by file. Memory does not grow with the files.
 *
 * Nothing is verified here; a line that is no record, as a crash leaves one, is passed over.
 *
 * @param path a file, or a directory of trails
 * @throws Error when there is none, or of the file system when one cannot be read
 */
export async function* readRecords(path: string): AsyncGenerator<AuditRecord> {
  for (const file of (await findTrails(path)).flatMap(({ files }) => files)) {
    const splitter = new LineSplitter();
    for await (const chunk of openTrailFile(file)) {
      for (const { bytes, ended, first } of splitter.read(chunk)) {
        const record = ended && first ? parseRecord(bytes) : null;
        if (record !== null) yield record;
      }
    }
  }
}

function parseRecord(bytes: Buffer): AuditRecord | null {
  try {
    const value = JSON.parse(bytes.toString("utf8")) as AuditRecord | null;
    return typeof value === "object" && value?.v === 1 && typeof value.event === "string" ? value : null;
  } catch {
    return null;
  }
}
