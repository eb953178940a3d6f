/**
 * Clients that registered themselves (RFC 7591). Anybody may register as many as they like, so one that nobody has logged in with
 * stays for a day, and only so many of these are kept; one that somebody has logged in with stays while it may hold a token.
 */
import { z } from "zod";
import type { Kind, Store } from "../../state/store.ts";
import { kindOf, type Payload } from "../models.ts";

export interface Registrations {
  /** Keeps a new client; the oldest of those that nobody has used goes where there are too many. */
  add(id: string, client: Payload): Promise<void>;
  /** Somebody has logged in with a client, or it has got another token. Any other client than a registered one is none of ours. */
  use(id: string): Promise<void>;
}

/** How long a client is kept that nobody has logged in with, in milliseconds. */
export const unusedMs = 86_400_000;
/** How many of these are kept: some 60 bytes each in their list, and 64 KiB at most by themselves. */
export const maxUnused = 1_000;

const unusedSchema = z.array(z.strictObject({ id: z.string(), atMs: z.number() }));
type Unused = z.output<typeof unusedSchema>;

/** Those that nobody has used, oldest first: one entry, as they need not all be read to be counted. */
const unusedKind: Kind<Unused> = { name: "oauth-unused-clients", schema: unusedSchema };
const unusedKey = "all";
const clients = kindOf("Client");

/**
 * @param now milliseconds since the epoch
 * @param refreshTokenMs how long the last token of a client may be good
 */
export function createRegistrations(store: Store, now: () => number, refreshTokenMs: number): Registrations {
  /** @param next null where nothing is to be changed */
  async function change(next: (unused: Unused) => Unused | null): Promise<{ before: Unused; after: Unused }> {
    for (;;) {
      const found = await store.get(unusedKind, unusedKey);
      const before = found?.value ?? [];
      const after = next(before);
      if (after === null) return { before, after: before };
      const options = { expected: found?.revision ?? 0, expiresAtMs: now() + unusedMs };
      if ((await store.put(unusedKind, unusedKey, after, options)) !== null) return { before, after };
    }
  }

  return {
    async add(id, client) {
      const nowMs = now();
      const isRecent = ({ atMs }: Unused[number]) => atMs > nowMs - unusedMs;
      const { before, after } = await change((unused) => [
        ...unused.filter(isRecent).slice(1 - maxUnused),
        { id, atMs: nowMs },
      ]);
      const kept = new Set(after.map((one) => one.id));
      // Those whose time is over are gone by themselves.
      for (const one of before) if (isRecent(one) && !kept.has(one.id)) await store.delete(clients, one.id);
      await store.put(clients, id, client, { expiresAtMs: nowMs + unusedMs });
    },
    async use(id) {
      const found = await store.get(clients, id);
      if (found === null) return;
      await change((unused) => (unused.some((one) => one.id === id) ? unused.filter((one) => one.id !== id) : null));
      // Where it has been written meanwhile it was used as well, or is gone.
      await store.put(clients, id, found.value, { expected: found.revision, expiresAtMs: now() + refreshTokenMs });
    },
  };
}
