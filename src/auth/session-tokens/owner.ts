import { findPerson, isFederated } from "../../authorization/federation/accounts.ts";
import type { Store } from "../../state/store.ts";
import type { UserDirectory } from "../users/directory.ts";
import type { Owner } from "./book.ts";

/** Whose a session token is: a user of the gateway's own, or somebody who logs in elsewhere. Null for whoever may not be here. */
export async function findOwner(
  name: string,
  store: Pick<Store, "get">,
  users: Pick<UserDirectory, "find">,
): Promise<Owner | null> {
  if (!isFederated(name)) {
    const account = await users.find(name);
    return account === null ? null : { groups: account.groups, loginsFrom: account.loginsFrom, origin: null };
  }
  const person = await findPerson(store, name);
  if (person === null) return null;
  const { groups, provider, issuer } = person;
  return { groups, loginsFrom: 0, origin: { provider, issuer } };
}
