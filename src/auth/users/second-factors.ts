import type { Store } from "../../state/store.ts";
import { type Spent, secondFactors, spendCode } from "./second-factor.ts";

/** Second factors of those who log in at the gateway itself. */
export interface SecondFactors {
  /** Whether somebody has one. */
  has(name: string): Promise<boolean>;
  /** Uses up a code: of several logins with one, even at the same moment, one succeeds. Null where it is not right. */
  spend(name: string, code: string): Promise<Spent["by"] | null>;
}

/**
 * @param now milliseconds since the epoch
 * @throws StoreError from each of its methods, where the store cannot be asked
 */
export function createSecondFactors(store: Pick<Store, "get" | "put">, now: () => number): SecondFactors {
  return {
    has: async (name) => (await store.get(secondFactors, name)) !== null,
    async spend(name, code) {
      for (;;) {
        const found = await store.get(secondFactors, name);
        const spent = found && spendCode(found.value, code, now());
        if (found === null || spent === null) return null;
        if ((await store.put(secondFactors, name, spent.left, { expected: found.revision })) !== null) return spent.by;
      }
    },
  };
}
