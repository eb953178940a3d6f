import { randomBytes } from "node:crypto";
import type { Store } from "../../../state/store.ts";
import { dayOf, maxPasskeys, type Passkey, type PasskeyRing, passkeyOwners, passkeyRings } from "./passkey.ts";

/** A passkey, and whose it is. */
export interface FoundPasskey {
  readonly name: string;
  readonly handle: string;
  readonly key: Passkey;
}

/** What an authenticator said of itself in a login. */
export interface PasskeyUse {
  readonly counter: number;
  readonly copied: boolean;
}

/** Passkeys of those who log in at the gateway itself. */
export interface Passkeys {
  /** Of one user, the oldest first. */
  list(name: string): Promise<readonly Passkey[]>;
  /** What authenticators know a user by; made where there is none yet. */
  handleOf(name: string): Promise<string>;
  /** By the id of the credential; null for one that nobody has. */
  find(id: string): Promise<FoundPasskey | null>;
  /**
   * Notes a login: of several with the same count, even at the same moment, one succeeds.
   *
   * @returns `counter` where the authenticator had counted as far before, `gone` where the passkey was removed
   */
  use(name: string, id: string, use: PasskeyUse): Promise<"used" | "counter" | "gone">;
  /** @returns `full` where there are as many as there may be, `known` where somebody has it already */
  add(name: string, key: Passkey): Promise<"added" | "full" | "known">;
  /** @returns the passkey that was removed; null where there was none */
  remove(name: string, id: string): Promise<Passkey | null>;
}

/**
 * @param now milliseconds since the epoch
 * @throws StoreError from each of its methods, where the store cannot be asked
 */
export function createPasskeys(store: Pick<Store, "get" | "put" | "delete">, now: () => number): Passkeys {
  /** Changes the ring of a user; again where it was changed in the same moment. What is no ring ends it. */
  async function change<End>(name: string, next: (ring: PasskeyRing) => PasskeyRing | { readonly end: End }) {
    for (;;) {
      const found = await store.get(passkeyRings, name);
      const made = next(found?.value ?? { handle: randomBytes(32).toString("base64url"), keys: [] });
      if ("end" in made) return made.end;
      const expected = found?.revision ?? 0;
      if ((await store.put(passkeyRings, name, made, { expected })) !== null) return null;
    }
  }

  return {
    list: async (name) => (await store.get(passkeyRings, name))?.value.keys ?? [],
    async handleOf(name) {
      let { handle } = (await store.get(passkeyRings, name))?.value ?? {};
      if (handle !== undefined) return handle;
      await change(name, (ring) => {
        handle = ring.handle;
        return ring;
      });
      return handle ?? "";
    },
    async find(id) {
      const name = (await store.get(passkeyOwners, id))?.value;
      const ring = name === undefined ? undefined : (await store.get(passkeyRings, name))?.value;
      const key = ring?.keys.find((each) => each.id === id);
      return name === undefined || ring === undefined || key === undefined ? null : { name, handle: ring.handle, key };
    },
    async use(name, id, { counter, copied }) {
      const end = await change<"counter" | "gone">(name, (ring) => {
        const key = ring.keys.find((each) => each.id === id);
        if (key === undefined) return { end: "gone" };
        // One that does not count always says 0 (section 6.1.1).
        if ((counter > 0 || key.counter > 0) && counter <= key.counter) return { end: "counter" };
        const used = { ...key, counter, copied, usedOn: dayOf(now()) };
        return { ...ring, keys: ring.keys.map((each) => (each === key ? used : each)) };
      });
      return end ?? "used";
    },
    async add(name, key) {
      // First, so that no two can have it; what is cut off here belongs to nobody and lets nobody in.
      if ((await store.put(passkeyOwners, key.id, name, { expected: 0 })) === null) return "known";
      const end = await change<"full">(name, (ring) =>
        ring.keys.length >= maxPasskeys ? { end: "full" } : { ...ring, keys: [...ring.keys, key] },
      );
      if (end !== null) await store.delete(passkeyOwners, key.id);
      return end ?? "added";
    },
    async remove(name, id) {
      let removed: Passkey | undefined;
      const end = await change<"none">(name, (ring) => {
        removed = ring.keys.find((each) => each.id === id);
        return removed === undefined
          ? { end: "none" }
          : { ...ring, keys: ring.keys.filter((each) => each !== removed) };
      });
      if (end !== null || removed === undefined) return null;
      await store.delete(passkeyOwners, id);
      return removed;
    },
  };
}
