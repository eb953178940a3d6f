import { apiKeys } from "./auth/api-keys/api-key.ts";
import { type ApiKeyBook, createApiKeyBook } from "./auth/api-keys/book.ts";
import { createUseNotes } from "./auth/api-keys/last-use.ts";
import { createRevocationBook, type RevocationBook, revocations } from "./auth/revocations.ts";
import { createSessionTokenBook, type SessionTokenBook } from "./auth/session-tokens/book.ts";
import { findOwner } from "./auth/session-tokens/owner.ts";
import { sessionTokens } from "./auth/session-tokens/session-token.ts";
import { createUserDirectory, type UserDirectory } from "./auth/users/directory.ts";
import { users } from "./auth/users/user.ts";
import { federatedAccounts } from "./authorization/federation/accounts.ts";
import type { Store } from "./state/store.ts";

/** What the store says of identities, held in memory so that no request has to wait for the store. */
export interface Books {
  readonly apiKeys: ApiKeyBook;
  readonly revocations: RevocationBook;
  readonly sessionTokens: SessionTokenBook;
  readonly users: UserDirectory;
}

/**
 * Reads the books from the store, and keeps them as the store is from then on.
 *
 * @param now milliseconds since the epoch
 * @param forgetTokens told of each change: verdicts reached before it are void
 */
export async function openBooks(store: Store, now: () => number, forgetTokens: () => void): Promise<Books> {
  const noteUse = createUseNotes(store, now);
  const apiKeyBook = createApiKeyBook(store, now, forgetTokens, (key) => void noteUse(key));
  const revocationBook = createRevocationBook(store);
  const directory = createUserDirectory(store);
  const sessionTokenBook = createSessionTokenBook({
    ...{ store, standingOf: revocationBook.standingOf, now },
    findOwner: (name) => findOwner(name, store, directory),
    changed: forgetTokens,
  });
  await Promise.all([
    store.follow(apiKeys, apiKeyBook.load),
    store.follow(revocations, revocationBook.load),
    store.follow(sessionTokens, sessionTokenBook.load),
    // A session token counts only as long as its owner's account does.
    store.follow(users, sessionTokenBook.load),
    store.follow(federatedAccounts, sessionTokenBook.load),
  ]);
  return {
    apiKeys: apiKeyBook,
    revocations: revocationBook,
    sessionTokens: sessionTokenBook,
    users: directory,
  };
}
