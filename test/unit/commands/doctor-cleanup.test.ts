/** What the doctor takes back, and what it leaves to those whose it is. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { handleOf, revocations } from "../../../src/auth/revocations.ts";
import { rememberConsent } from "../../../src/authorization/grants/consents.ts";
import { listGrants } from "../../../src/authorization/grants/grants.ts";
import { kindOf } from "../../../src/authorization/models.ts";
import { cleanUp, cleanUpElsewhere, type Leftover } from "../../../src/commands/doctor/cleanup.ts";
import type { Asked } from "../../../src/commands/doctor/wire.ts";
import { openKeyring } from "../../../src/crypto/keyring.ts";
import { deeds } from "../../../src/state/deeds.ts";
import { openSqliteStore, storeName } from "../../../src/state/sqlite-store.ts";
import { createStore } from "../../../src/state/store.ts";

const startMs = 1_800_000_000_500;
const seconds = Math.floor(startMs / 1_000);
const document = "https://claude.ai/client.json";

async function openStore() {
  const directory = await mkdtemp(join(tmpdir(), "sallyport-doctor-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  const keyring = await openKeyring(directory, { now: Date.now, sessionLifetimeMs: 86_400_000 });
  const store = createStore(
    openSqliteStore(join(directory, storeName), () => startMs),
    keyring.entries,
    () => {},
  );
  onTestFinished(() => store.close());
  return store;
}

function leftover(more: Partial<Leftover>): Leftover {
  const claims = { sub: "ann", jti: "token-1", grant_id: "grant-1" };
  const tokens = { access: "a", refresh: "refresh-1", claims };
  return {
    ...{ ours: true, title: "Client", clientId: document, registered: null, metadata: {}, tokens, session: null },
    ...more,
  };
}

it.each([
  ["this login", seconds, []],
  ["an earlier one", seconds - 1, ["grant-1"]],
])("ends a grant to a client that others use where it came of %s", async (_what, iat, kept) => {
  const store = await openStore();
  await store.put(kindOf("Grant"), "grant-1", { accountId: "ann", clientId: document, jti: "grant-1", iat });
  await store.put(kindOf("RefreshToken"), "refresh-1", { grantId: "grant-1" });
  await store.put(kindOf("RefreshToken"), "refresh-0", { grantId: "grant-0" });
  await rememberConsent(store, "ann", document, "grant-1", startMs);
  await cleanUp(store, [leftover({})], startMs, startMs);
  expect((await listGrants(store)).map(({ id }) => id)).toEqual(kept);
  expect((await store.list(kindOf("RefreshToken"))).map(({ key }) => key)).toEqual(["refresh-0"]);
  const token = handleOf({ kind: "token", issuer: "builtin", id: "token-1" });
  expect(await store.get(revocations, token)).not.toBeNull();
  const client = handleOf({ kind: "client", issuer: "builtin", client: document });
  expect(await store.get(revocations, client)).toBeNull();
});

it("ends a client of its own with all that it had, and the browser session, and leaves a record", async () => {
  const store = await openStore();
  for (const id of ["own", "other"]) {
    await store.put(kindOf("Client"), id, { client_id: id });
    await store.put(kindOf("Session"), `session-${id}`, { accountId: "ann" });
  }
  await store.put(kindOf("Grant"), "grant-1", { accountId: "ann", clientId: "own", jti: "grant-1", iat: seconds });
  const left = leftover({ clientId: "own", registered: { id: "own", management: null }, session: "session-own" });
  await cleanUp(store, [left], startMs, startMs);
  expect((await store.list(kindOf("Client"))).map(({ key }) => key)).toEqual(["other"]);
  expect((await store.list(kindOf("Session"))).map(({ key }) => key)).toEqual(["session-other"]);
  expect(await listGrants(store)).toEqual([]);
  expect((await store.list(deeds)).map(({ value }) => [value.action, value.facts])).toEqual([
    ["client.revoke", { kind: "client", issuer: "builtin", client: "own", reason: "sallyport doctor" }],
  ]);
});

it.each([
  [{ url: "https://as/c", token: "t" }, 204, "ok", ["POST https://as/revoke", "DELETE https://as/c"]],
  [{ url: "https://as/c", token: "t" }, 401, "warning", ["POST https://as/revoke", "DELETE https://as/c"]],
  [null, 204, "warning", ["POST https://as/revoke"]],
])("asks an issuer to end what it gave: %j, %i", async (management, status, outcome, expected) => {
  const asked: string[] = [];
  const ask = (url: string, { method }: Asked = {}) => {
    asked.push(`${method} ${url}`);
    return Promise.resolve({ url, status, headers: {}, cookies: [], body: "" });
  };
  const metadata = { revocation_endpoint: "https://as/revoke" };
  const found = await cleanUpElsewhere(ask, [leftover({ ours: false, registered: { id: "c", management }, metadata })]);
  expect(found.map((each) => each.outcome)).toEqual([outcome]);
  expect(asked).toEqual(expected);
});
