/** What is good once: `jti` of assertions, on all replicas (RFC 7523 section 3). */
import { z } from "zod";
import type { Kind, Store } from "../../state/store.ts";

const spent: Kind<boolean> = { name: "assertion", schema: z.boolean() };

/**
 * Takes it as used; of several who come at once one succeeds.
 *
 * @param untilMs milliseconds since the epoch after which it is refused anyway
 */
export type SpendOnce = (issuer: string, jti: string, untilMs: number) => Promise<boolean>;

/** @throws StoreError from the function that is returned: what cannot be known to be new is not */
export function createSpendOnce(store: Pick<Store, "put">): SpendOnce {
  return async (issuer, jti, untilMs) =>
    (await store.put(spent, JSON.stringify([issuer, jti]), true, { expiresAtMs: untilMs, expected: 0 })) !== null;
}
