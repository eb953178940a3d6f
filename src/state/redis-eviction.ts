/**
 * How a Redis makes room when its memory is full, where that costs entries: one that loses a second factor lets the password alone do.
 *
 * @param memory the section `memory` of `INFO` (https://redis.io/docs/latest/commands/info/)
 * @returns null for one that refuses to write instead, or does not say
 */
export function findEviction(memory: string): string | null {
  const policy = /^maxmemory_policy:(\S+)/m.exec(memory)?.[1] ?? "noeviction";
  return policy === "noeviction" ? null : policy;
}
