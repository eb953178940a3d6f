/** A legal hold: while its file is there, nothing of the directory's trails is deleted or made unreadable. */
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { replaceFile } from "../files/replaced-file.ts";

const holdSchema = z.strictObject({
  /** ISO 8601. */
  since: z.string(),
  reason: z.string(),
});

export type Hold = z.output<typeof holdSchema>;

/** Path of the file, where there is a hold on an audit directory. */
export function holdPath(directory: string): string {
  return join(directory, "hold.json");
}

/**
 * The hold on an audit directory; null where there is none. A file that somebody wrote by hand holds as well, whatever is in it.
 *
 * @throws Error of the file system when it cannot be read
 */
export async function readHold(directory: string): Promise<Hold | null> {
  let text: string;
  try {
    text = await readFile(holdPath(directory), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  try {
    return holdSchema.parse(JSON.parse(text));
  } catch {
    return { since: "unknown", reason: "hold.json cannot be understood" };
  }
}

export function writeHold(directory: string, hold: Hold): Promise<void> {
  return replaceFile(holdPath(directory), `${JSON.stringify(hold)}\n`);
}

export function removeHold(directory: string): Promise<void> {
  return rm(holdPath(directory), { force: true });
}
