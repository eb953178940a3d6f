/** A token that a worker signs when the grant it is of has just been ended at another comes too late. */
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { createRevocationBook, grantClaim, type Revoked } from "../../../src/auth/revocations.ts";
import { revoke, voidTokens } from "../../../src/authorization/grants/revoke.ts";
import { kindOf } from "../../../src/authorization/models.ts";
import { createEntryCipher } from "../../../src/crypto/entry-cipher.ts";
import { openSqliteStore, storeName } from "../../../src/state/sqlite-store.ts";
import { createStore, type Store } from "../../../src/state/store.ts";

/** The last moment of a second. */
const nowMs = 1_000_000_000_999;
const revoker = { by: "op", reason: null, nowMs };

async function openStore(): Promise<Store> {
  const directory = await mkdtemp(join(tmpdir(), "sallyport-late-"));
  const backend = openSqliteStore(join(directory, storeName), () => nowMs);
  const store = createStore(backend, createEntryCipher(randomBytes(32)), () => {});
  onTestFinished(() => {
    store.close();
    return rm(directory, { recursive: true });
  });
  await store.put(kindOf("Grant"), "g", { jti: "g", accountId: "ann", clientId: "cli", iat: 1 });
  return store;
}

const ways: readonly Revoked[] = [
  { kind: "grant", grant: "g" },
  { kind: "user", issuer: "builtin", subject: "ann" },
  { kind: "client", issuer: "builtin", client: "cli" },
];

it.each<[string, (store: Store) => Promise<void>, boolean]>([
  ...ways.map((revoked) => {
    const end = (store: Store) => revoke(store, revoked, revoker);
    return [`void where the ${revoked.kind} is revoked`, end, true] as [string, typeof end, boolean];
  }),
  [
    "good where its user has chosen another password, and what they consented to goes on",
    (store) => voidTokens(store, "ann", revoker),
    false,
  ],
])("a token of the second after it is %s", async (_, end, isVoid) => {
  const store = await openStore();
  await end(store);
  const book = createRevocationBook(store);
  await book.load();
  const claims = { iat: Math.ceil(nowMs / 1_000), [grantClaim]: "g" };
  expect(book.standingOf({ issuer: "builtin", subject: "ann", client: "cli", claims }).revoked).toBe(isVoid);
});
