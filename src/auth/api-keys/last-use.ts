/** On which day an API key was used last. Coarse, so that a key costs one write a day however much it is used. */
import { z } from "zod";
import type { Kind, Store } from "../../state/store.ts";
import { type ApiKey, revokedListedMs } from "./api-key.ts";

const lastUseSchema = z.strictObject({
  /** In UTC, such as 2026-07-28. */
  day: z.string(),
});
export type LastUse = z.output<typeof lastUseSchema>;

/** By the id of the key: a name may stand for another key later. */
export const lastUses: Kind<LastUse> = { name: "api-key-use", schema: lastUseSchema };

const dayMs = 86_400_000;

/** When the day is over in which this moment is. @param nowMs milliseconds since the epoch */
export function endOfDay(nowMs: number): number {
  return (Math.floor(nowMs / dayMs) + 1) * dayMs;
}

/**
 * Takes note that a key was used. No call waits for that, and none fails where it cannot be written down; the next one tries again.
 *
 * @param now milliseconds since the epoch
 * @returns resolves when that is done, never rejects
 */
export function createUseNotes(store: Pick<Store, "get" | "put">, now: () => number): (key: ApiKey) => Promise<void> {
  const noted = new Map<string, string>();
  return async ({ id, expiresAtMs }) => {
    const day = new Date(now()).toISOString().slice(0, 10);
    if (noted.get(id) === day) return;
    noted.set(id, day);
    const options = expiresAtMs === null ? {} : { expiresAtMs: expiresAtMs + revokedListedMs };
    try {
      // Another process may have written it.
      const found = await store.get(lastUses, id);
      if (found === null || found.value.day < day) {
        await store.put(lastUses, id, { day }, { ...options, expected: found?.revision ?? 0 });
      }
    } catch {
      noted.delete(id);
    }
  };
}
