import type { Checkpoint } from "../checkpoint.ts";

/**
 * Of every trail that checkpoints were kept of, and that no record is there of, the last checkpoint: such a trail was deleted or
 * emptied, or another one was put in its place.
 *
 * @param trails names of those that there are records of; null for one without a record
 */
export function findAbsent(kept: readonly Checkpoint[], trails: readonly (string | null)[]): readonly Checkpoint[] {
  const last = new Map<string, Checkpoint>();
  for (const checkpoint of kept) {
    const { origin, seq } = checkpoint;
    if (trails.some((trail) => trail !== null && origin.endsWith(`/${trail}`))) continue;
    if (seq >= (last.get(origin)?.seq ?? 0)) last.set(origin, checkpoint);
  }
  return [...last.values()];
}
