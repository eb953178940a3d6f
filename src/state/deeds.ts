/** What operators did with commands, on its way to the audit trail, which only a gateway that serves can write. */
import { randomUUID } from "node:crypto";
import { userInfo } from "node:os";
import { z } from "zod";
import { type AuditEntry, gatewayEntry } from "../audit/record.ts";
import type { Kind, Store } from "./store.ts";

const deedSchema = z.strictObject({
  /** Thing and verb, such as `api-key.revoke`. */
  action: z.string(),
  /** What it was done to. Goes into the record. */
  facts: z.record(z.string(), z.unknown()),
  /** The operator's name on the machine. */
  by: z.string(),
  atMs: z.number(),
  /** When a gateway began to record it; null before. */
  claimedAtMs: z.number().nullable(),
});
export type Deed = z.output<typeof deedSchema>;

export const deeds: Kind<Deed> = { name: "deed", schema: deedSchema };

/** How long a gateway may take to record a deed before another one does, in milliseconds. */
const claimMs = 60_000;

/** Leaves a deed for the trail. It waits there while no gateway runs. @param nowMs milliseconds since the epoch */
export async function reportDeed(
  store: Pick<Store, "put">,
  action: string,
  facts: Readonly<Record<string, unknown>>,
  nowMs: number,
): Promise<void> {
  await store.put(deeds, randomUUID(), { action, facts, by: nameOperator(), atMs: nowMs, claimedAtMs: null });
}

/**
 * Puts what was reported on record. Of several gateways one does; where it dies over it another one does so again, so that a
 * deed may be recorded twice and is never lost.
 *
 * @throws Error where one could not be recorded, or is being recorded by another gateway: to be tried again
 */
export async function recordDeeds(
  store: Pick<Store, "list" | "put" | "delete">,
  append: (entry: AuditEntry) => Promise<void>,
  nowMs: number,
): Promise<void> {
  let pending = false;
  for (const { key, value, revision } of await store.list(deeds)) {
    // A clock that was set back must not make the wait longer.
    const isClaimed = value.claimedAtMs !== null && Math.abs(nowMs - value.claimedAtMs) < claimMs;
    const claim = { ...value, claimedAtMs: nowMs };
    const claimed = isClaimed ? null : await store.put(deeds, key, claim, { expected: revision });
    if (claimed === null) {
      pending = true;
      continue;
    }
    await append(describeDeed(value, nowMs)).catch(async (error: unknown) => {
      await store.put(deeds, key, value, { expected: claimed });
      throw error;
    });
    await store.delete(deeds, key, claimed);
  }
  if (pending) throw new Error("another gateway records a deed");
}

function describeDeed({ action, facts, by, atMs }: Deed, nowMs: number): AuditEntry {
  const note = { action, ...facts, by, at: new Date(atMs).toISOString() };
  return gatewayEntry("admin", new Date(nowMs).toISOString(), note);
}

/** Who runs a command. Containers may have users without a name. */
export function nameOperator(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.geteuid?.() ?? "unknown"}`;
  }
}
