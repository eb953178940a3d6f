/**
 * What a gateway remembers of the closed files that it took records out of. The trail says the same; but who can write to the trail must not
 * be able to make the gateway vouch for what they took out, so it is kept in the state directory.
 */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { z } from "zod";
import { replaceFile } from "../files/replaced-file.ts";

const entrySchema = z.strictObject({
  /** Which chain the file is of: another one may have files of the same names. */
  trail: z.string(),
  /** Events whose records are out of it. */
  events: z.array(z.string()).readonly(),
  /** What the file was, or was about to become, each time. */
  digests: z.array(z.string()).readonly(),
});

export type LedgerEntry = z.output<typeof entrySchema>;

const ledgerSchema = z.record(z.string(), entrySchema);

/** By the names of the files, without `.gz`. */
export type Ledger = ReadonlyMap<string, LedgerEntry>;

/** @throws Error when the file cannot be read or understood */
export async function readLedger(path: string): Promise<Ledger> {
  if (!existsSync(path)) return new Map();
  return new Map(Object.entries(ledgerSchema.parse(JSON.parse(await readFile(path, "utf8")))));
}

/** On the disk by the end: without it, files would count as changed by somebody else. */
export async function writeLedger(path: string, ledger: Ledger): Promise<void> {
  await replaceFile(path, `${JSON.stringify(Object.fromEntries(ledger))}\n`);
}
