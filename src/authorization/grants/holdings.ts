/** What belongs to whom, by account: to find what one person has without reading what everybody has. */
import { z } from "zod";
import type { Kind, Store } from "../../state/store.ts";

/** Logins of browsers by their `uid`, grants and session tokens by their id. */
export type HoldingModel = "Session" | "Grant" | "SessionToken";

const holdingsSchema = z.array(z.strictObject({ model: z.string(), id: z.string() }));
const holdings: Kind<z.output<typeof holdingsSchema>> = { name: "account-holdings", schema: holdingsSchema };

/** Of one model; those that are older are over by then. What is on no list ends with its time, and with `revoke user`. */
const maxOfModel = 200;

/** Remembers whose something is. What is over need not be forgotten: whoever looks for it does not find it. */
export async function holdFor(
  store: Pick<Store, "get" | "put">,
  account: string,
  model: HoldingModel,
  id: string,
): Promise<void> {
  for (;;) {
    const found = await store.get(holdings, account);
    const all = found?.value ?? [];
    if (all.some((held) => held.model === model && held.id === id)) return;
    const others = all.filter((held) => held.model !== model);
    const same = all.filter((held) => held.model === model);
    const value = [...others, ...[...same, { model, id }].slice(-maxOfModel)];
    if ((await store.put(holdings, account, value, { expected: found?.revision ?? 0 })) !== null) return;
  }
}

/** Ids of what may still be there, the newest first. */
export async function listHeld(store: Pick<Store, "get">, account: string, model: HoldingModel): Promise<string[]> {
  const all = (await store.get(holdings, account))?.value ?? [];
  return all
    .filter((held) => held.model === model)
    .map(({ id }) => id)
    .toReversed();
}
