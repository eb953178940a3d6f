import { writeFile } from "node:fs/promises";

/**
 * Writes a report to a file that the command line names.
 *
 * @param mode permissions of a file that is made
 * @throws Error with one sentence
 */
export async function writeReport(file: string, text: string, mode = 0o666): Promise<void> {
  await writeFile(file, text, { mode }).catch((error: NodeJS.ErrnoException) => {
    throw new Error(`${file} cannot be written (${error.code ?? "unknown error"})`);
  });
}
