import { expect, it } from "vitest";
import {
  createRevocationBook,
  handleOf,
  type Revocation,
  type Revoked,
  reachOf,
} from "../../../src/auth/revocations.ts";

const token = {
  issuer: "corp",
  subject: "ann",
  client: "cli",
  claims: { iat: 100, jti: "token-1", grant_id: "grant-1" },
};

function keep() {
  const entries: { key: string; value: Revocation; revision: number }[] = [];
  const lists: number[] = [];
  const store = {
    async list(_kind: unknown, after = 0) {
      lists.push(after);
      return entries.filter(({ revision }) => revision > after) as never;
    },
  };
  return {
    book: createRevocationBook(store),
    revoke(revoked: Revoked, atMs: number, revision = entries.length + 1) {
      entries.push({ key: handleOf(revoked), value: { atMs, by: "ops", reason: null }, revision });
    },
    empty: () => entries.splice(0),
  };
}

it.each<[string, Revoked, number, boolean]>([
  ["its user", { kind: "user", issuer: "corp", subject: "ann" }, 100_999, true],
  ["its client", { kind: "client", issuer: "corp", client: "cli" }, 101_000, true],
  ["its grant", { kind: "grant", grant: "grant-1" }, 200_000, true],
  ["itself", { kind: "token", issuer: "corp", id: "token-1" }, 200_000, true],
  ["its user, in the second of a later login", { kind: "user", issuer: "corp", subject: "ann" }, 100_998, false],
  ["somebody else", { kind: "user", issuer: "corp", subject: "bob" }, 200_000, false],
  ["the same name of another issuer", { kind: "user", issuer: "other", subject: "ann" }, 200_000, false],
  ["another client", { kind: "client", issuer: "corp", client: "other" }, 200_000, false],
  ["another token", { kind: "token", issuer: "corp", id: "token-2" }, 200_000, false],
  ["a grant by the name of its token", { kind: "grant", grant: "token-1" }, 200_000, false],
])("a token knows of the revocation of %s", async (_what, revoked, atMs, isRevoked) => {
  const { book, revoke } = keep();
  const standing = book.standingOf(token);
  expect(standing.revoked).toBe(false);
  revoke(revoked, atMs);
  await book.load();
  expect(standing.revoked).toBe(isRevoked);
});

it("one of no grant may have been issued at the beginning of its second", async () => {
  const { book, revoke } = keep();
  const standing = book.standingOf({ ...token, claims: { iat: 100 } });
  revoke({ kind: "user", issuer: "corp", subject: "ann" }, 99_999);
  await book.load();
  expect(standing.revoked).toBe(false);
  revoke({ kind: "user", issuer: "corp", subject: "ann" }, 100_000);
  await book.load();
  expect(standing.revoked).toBe(true);
});

it("one that does not say when it was issued may have been at any time", async () => {
  const { book, revoke } = keep();
  revoke({ kind: "user", issuer: "corp", subject: "ann" }, 1);
  await book.load();
  expect(book.standingOf({ ...token, claims: {} }).revoked).toBe(true);
});

it("a later revocation counts, whichever is read first", async () => {
  const { book, revoke } = keep();
  revoke({ kind: "user", issuer: "corp", subject: "ann" }, 200_000);
  revoke({ kind: "user", issuer: "corp", subject: "ann" }, 50_000);
  await book.load();
  expect(book.standingOf(token).revoked).toBe(true);
});

it("a store that was emptied takes nothing back, and is read from its new beginning", async () => {
  const { book, revoke, empty } = keep();
  revoke({ kind: "user", issuer: "corp", subject: "bob" }, 1, 7);
  await book.load();
  empty();
  revoke({ kind: "user", issuer: "corp", subject: "ann" }, 200_000, 1);
  await book.load();
  expect(book.standingOf(token).revoked).toBe(true);
  expect(book.standingOf({ ...token, subject: "bob", claims: {} }).revoked).toBe(true);
});

it.each<[Revoked, boolean]>([
  [{ kind: "grant", grant: "grant-1" }, true],
  [{ kind: "token", issuer: "corp", id: "token-1" }, true],
  [{ kind: "user", issuer: "corp", subject: "ann" }, false],
  [{ kind: "client", issuer: "corp", client: "cli" }, false],
])("%j reaches a token of the same second: %s", async (revoked, isRevoked) => {
  const { book, revoke } = keep();
  revoke(revoked, reachOf(revoked, 100_400));
  await book.load();
  expect(book.standingOf(token).revoked).toBe(isRevoked);
});

it("a token that was ended by its own name stays so, also where the clock was set back after it was issued", async () => {
  const { book, revoke } = keep();
  const revoked: Revoked = { kind: "token", issuer: "corp", id: "token-1" };
  revoke(revoked, reachOf(revoked, 100_000));
  await book.load();
  expect(book.standingOf({ ...token, claims: { ...token.claims, iat: 3_700 } }).revoked).toBe(true);
});

it("knows of MCP sessions by their fingerprint, and takes no token's name for one", async () => {
  const { book, revoke } = keep();
  expect(book.isSessionRevoked("A".repeat(16))).toBe(false);
  revoke({ kind: "session", id: "A".repeat(16) }, 100_000);
  revoke({ kind: "grant", grant: "B".repeat(16) }, 100_000);
  await book.load();
  const asked = ["A".repeat(16), "B".repeat(16), null];
  expect(asked.map((session) => book.isSessionRevoked(session))).toEqual([true, false, false]);
});

it("a store that was emptied and has come further since is read from its beginning", async () => {
  const { book, revoke, empty } = keep();
  revoke({ kind: "user", issuer: "corp", subject: "bob" }, 100_000);
  await book.load();
  empty();
  const standing = book.standingOf(token);
  revoke({ kind: "user", issuer: "corp", subject: "ann" }, 200_000);
  revoke({ kind: "user", issuer: "corp", subject: "eve" }, 200_000);
  await book.load();
  expect(standing.revoked).toBe(true);
});
