import type { AuditRecord } from "../../audit/record.ts";
import { readRecords } from "../../audit/records.ts";
import type { CommandIo } from "../io.ts";
import type { PolicySet } from "./set.ts";

/**
 * The audit trail that is meant.
 *
 * @throws Error where neither an option nor a configuration names one
 */
export function findTrail(audit: string | undefined, { audit: configured }: PolicySet): string {
  const path = audit ?? configured;
  if (path === null) throw new Error("without a configuration, name the audit trail with --audit");
  return path;
}

/** Every record of a trail, one after the other; of a long one, says on stderr how far it is. */
export async function* followTrail(io: CommandIo, path: string): AsyncGenerator<AuditRecord> {
  let read = 0;
  for await (const record of readRecords(path)) {
    yield record;
    read += 1;
    if (read % progressEvery === 0) io.err(`${read} records read\n`);
  }
}

const progressEvery = 100_000;

/** The record of a request; null where there is none. */
export async function findRecord(io: CommandIo, path: string, id: string): Promise<AuditRecord | null> {
  for await (const record of followTrail(io, path)) {
    if (record.id === id && ofCallers.has(record.event)) return record;
  }
  return null;
}

/** Records of what callers sent; others can bear the same id. */
const ofCallers = new Set(["request", "notification", "response", "stream", "end", "discovery", "refusal"]);
