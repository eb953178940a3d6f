/**
 * The policy by which a Redis drops entries when its memory is full. Where it drops a second factor, the password alone is enough.
 *
 * @param memory the section `memory` of `INFO` (https://redis.io/docs/latest/commands/info/)
 * @returns null for one that refuses to write instead, or does not say
 */
export function findEviction(memory: string): string | null {
  const policy = /^maxmemory_policy:(\S+)/m.exec(memory)?.[1] ?? "noeviction";
  return policy === "noeviction" ? null : policy;
}
