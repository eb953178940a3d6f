/** What an operator may have done to a trail, which only who writes its chain can put on record. */
import { readdir } from "node:fs/promises";
import { basename } from "node:path";
import { z } from "zod";
import type { Vault } from "../encryption/vault.ts";
import { type ClosedFile, readClosedFiles, readLastSeq } from "../files/closed-files.ts";
import { groupFiles } from "../files/segments.ts";
import { type AuditEntry, gatewayEntry } from "../record.ts";
import { readHold, removeHold, writeHold } from "./hold.ts";

export const orderSchema = z.discriminatedUnion("action", [
  /** Destroy the keys of closed files, by their names without directory and `.gz`. */
  z.strictObject({ action: z.literal("shred"), files: z.array(z.string()).min(1).readonly() }),
  /** Destroy the key of a person, by the name that records give them. */
  z.strictObject({ action: z.literal("erase"), person: z.string().regex(/^[0-9a-f]{24}$/) }),
  z.strictObject({
    action: z.literal("hold"),
    reason: z
      .string()
      .min(1, "a legal hold needs a reason")
      .max(1_000, "the reason of a legal hold has at most 1,000 characters"),
  }),
  z.strictObject({ action: z.literal("lift") }),
]);

export type Order = z.output<typeof orderSchema>;

/** An order that is not carried out; the message says why, and nothing was done. */
export class OrderError extends Error {
  override readonly name = "OrderError";
}

/** What carrying out takes. */
export interface OrderPlace {
  /** The audit directory. */
  readonly directory: string;
  readonly vault: Vault;
  readonly now: () => Date;
  /** Writes a record with a checkpoint right behind it, both on the disk when it resolves: what is ordered cannot be undone. */
  readonly declare: (entry: AuditEntry) => Promise<void>;
}

/** A closed file whose keys are there. */
export interface SealedFile extends ClosedFile {
  readonly name: string;
  /** Ids of its keys, one for each start of a gateway that wrote to it. */
  readonly keys: readonly string[];
}

/** The closed files of all trails of a directory that can be shredded: those that have keys. */
export async function findSealedFiles(directory: string, vault: Vault): Promise<readonly SealedFile[]> {
  const found: SealedFile[] = [];
  for (const { number } of groupFiles(await readdir(directory), directory)) {
    for await (const file of readClosedFiles(directory, number)) {
      const to = await findKeyedEnd(file, vault);
      // None where it is not encrypted, or not any more readable.
      const keys = vault.listFileKeys(file.trail, file.from, to);
      if (keys.length > 0) found.push({ ...file, to, name: basename(file.path), keys });
    }
  }
  return found;
}

/**
 * Number of the last record up to which keys are those of a file: its last one. Behind it may have been a file that was moved to an
 * archive and is to stay readable there.
 */
export async function findKeyedEnd(file: ClosedFile, vault: Vault): Promise<number> {
  const { trail, from, to } = file;
  const hasMore = vault.listFileKeys(trail, from + 1, to).length > 0;
  return hasMore ? ((await readLastSeq(file)) ?? from) : to;
}

/**
 * Carries out an order. What is destroyed is on record before it is gone.
 *
 * @throws OrderError when it may not be carried out, AuditFault when it cannot be recorded
 */
export async function carryOut(order: Order, place: OrderPlace): Promise<void> {
  switch (order.action) {
    case "shred":
      return shred(order.files, place);
    case "erase":
      return erase(order.person, place);
    case "hold":
      return hold(order.reason, place);
    case "lift":
      return lift(place);
  }
}

async function shred(names: readonly string[], { directory, vault, now, declare }: OrderPlace): Promise<void> {
  await refuseHeld(directory);
  const found = new Map((await findSealedFiles(directory, vault)).map((file) => [file.name, file]));
  const files = [...new Set(names)].map((name) => {
    const file = found.get(name);
    if (file === undefined) throw new OrderError(`${name} is no closed file that can be decrypted`);
    return file;
  });
  for (const { name, trail, from, to, keys } of files) {
    await declare(gatewayEntry("shredded", now().toISOString(), { file: name, trail, from, to, keys }));
    vault.destroyFileKeys(trail, from, to);
  }
}

async function erase(person: string, { directory, vault, now, declare }: OrderPlace): Promise<void> {
  await refuseHeld(directory);
  if (!vault.knowsPerson(person)) {
    throw new OrderError("there is no key of this person: erased already, or never seen while audit.encryption was on");
  }
  await declare(gatewayEntry("erased", now().toISOString(), { person }));
  vault.destroyPersonKey(person);
}

async function hold(reason: string, { directory, now, declare }: OrderPlace): Promise<void> {
  await refuseHeld(directory);
  const since = now().toISOString();
  // First of all nothing more may be deleted.
  await writeHold(directory, { since, reason });
  await declare(gatewayEntry("hold", since, { set: true, reason }));
}

async function lift({ directory, now, declare }: OrderPlace): Promise<void> {
  const found = await readHold(directory);
  if (found === null) throw new OrderError("there is no legal hold");
  await declare(gatewayEntry("hold", now().toISOString(), { set: false, since: found.since }));
  await removeHold(directory);
}

async function refuseHeld(directory: string): Promise<void> {
  const found = await readHold(directory);
  if (found === null) return;
  throw new OrderError(`there is a legal hold since ${found.since}: ${found.reason}`);
}
