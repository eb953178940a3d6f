/** A legal hold: while its file is there, nothing of the directory's trails is deleted or made unreadable. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { readPlainFile } from "../files/plain-file.ts";
import { replaceFile } from "../files/replaced-file.ts";

const holdSchema = z.strictObject({
  /** ISO 8601. */
  since: z.string(),
  reason: z.string(),
});

export type Hold = z.output<typeof holdSchema>;

const maxBytes = 65_536;

/** Path of the file, where there is a hold on an audit directory. */
export function holdPath(directory: string): string {
  return join(directory, "hold.json");
}

/**
 * The hold on an audit directory; null where there is none. Whatever else has that name holds as well, also what cannot be read: a
 * link that leads nowhere is no permission to delete.
 */
export async function readHold(directory: string): Promise<Hold | null> {
  try {
    const file = await readPlainFile(holdPath(directory), maxBytes);
    return file === null ? null : holdSchema.parse(JSON.parse(file.text));
  } catch {
    return { since: "unknown", reason: "hold.json cannot be understood" };
  }
}

/** Puts a hold on an audit directory, in place of any before. @throws an error of the file system */
export function writeHold(directory: string, hold: Hold): Promise<void> {
  return replaceFile(holdPath(directory), `${JSON.stringify(hold)}\n`);
}

/** Lifts the hold, if there is one. @throws an error of the file system */
export function removeHold(directory: string): Promise<void> {
  return rm(holdPath(directory), { force: true });
}
