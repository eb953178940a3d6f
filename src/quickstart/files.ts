import { randomUUID } from "node:crypto";
import { link, open, readFile, rename, rm } from "node:fs/promises";

/** Something on this machine stands in the way. The message is one sentence for the person at the terminal. */
export class SetupError extends Error {
  override readonly name = "SetupError";
}

/** The file's text, or undefined when there is no such file. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/**
 * The text of the file, which is made first if it is missing. What exists is never written to, not even when another
 * process makes the file at the same moment: the first one wins and both go on with the same text.
 *
 * @param mode permission bits of a new file
 */
export async function ensureFile(path: string, mode: number, make: () => string | Promise<string>): Promise<string> {
  const present = await readIfThere(path);
  if (present !== undefined) return present;
  const text = await make();
  const draft = await writeDraft(path, mode, text);
  try {
    // Unlike rename, link refuses to replace a file.
    await link(draft, path);
    return text;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return await readFile(path, "utf8");
    throw error;
  } finally {
    await rm(draft);
  }
}

/** Puts a new file in the place of an old one; readers see the whole old or the whole new one. */
export async function replaceFile(path: string, mode: number, text: string): Promise<void> {
  await rename(await writeDraft(path, mode, text), path);
}

async function writeDraft(path: string, mode: number, text: string): Promise<string> {
  const draft = `${path}.${randomUUID()}.tmp`;
  const file = await open(draft, "wx", mode);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  return draft;
}

/** The code of an error of the operating system, such as `ENOENT`; undefined for any other error. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}
