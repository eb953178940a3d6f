import { hash, randomBytes } from "node:crypto";
import { expect, it } from "vitest";
import type { ApiKey } from "../../../../src/auth/api-keys/api-key.ts";
import { createApiKeyBook } from "../../../../src/auth/api-keys/book.ts";
import { drawApiKey } from "../../../../src/auth/api-keys/key-text.ts";
import { Denial } from "../../../../src/denial.ts";

const nowMs = 1_000_000;
const resource = "https://gateway/alpha/mcp";
const serverOf = (asked: string) => (asked === resource ? "alpha" : undefined);

function keep(entries: Record<string, ApiKey>) {
  let forgotten = 0;
  const used: string[] = [];
  const store = {
    async list() {
      return Object.entries(entries).map(([key, value], at) => ({ key, value, revision: at + 1 })) as never;
    },
  };
  const book = createApiKeyBook(
    store,
    () => nowMs,
    () => {
      forgotten += 1;
    },
    ({ id }) => used.push(id),
  );
  return { book, forgotten: () => forgotten, used };
}

function draw(more: Partial<ApiKey> = {}, random: (size: number) => Buffer = randomBytes) {
  const { id, secret, text } = drawApiKey(random);
  const key: ApiKey = {
    ...{ id, digest: hash("sha256", secret, "base64url"), subject: "robot", groups: ["ci"], scopes: ["read"] },
    ...{ servers: null, from: null, createdAtMs: 0, expiresAtMs: null, revokedAtMs: null },
    ...more,
  };
  return { text, key };
}

function refusal(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof Denial) return error.code;
    throw error;
  }
  return "none";
}

it("proves what is written in it", async () => {
  const { text, key } = draw({ from: ["10.0.0.0/8"], expiresAtMs: nowMs + 1 });
  const { book, forgotten, used } = keep({ nightly: key });
  await book.load();
  const proved = book.verify(text, resource, serverOf);
  expect(proved).toMatchObject({
    ...{ issuer: "api-keys", subject: "robot", client: null, groups: ["ci"], scopes: ["read"], claims: {} },
    ...{ via: "api-key", apiKey: "nightly", expiresAtMs: nowMs + 1, standing: { revoked: false } },
    // Asked about again tomorrow, so that its use is noted then.
    recheckAtMs: 86_400_000,
  });
  expect(used).toEqual([key.id]);
  expect([proved.from?.has("10.1.2.3"), proved.from?.has("11.1.2.3"), forgotten()]).toEqual([true, false, 1]);
});

const { text: stranger } = draw();

it.each([
  ["one that nobody made", {}, () => stranger, "token_unknown"],
  ["one with a typing error", {}, (text: string) => `${text.slice(0, -1)}-`, "token_malformed"],
  ["one that was revoked", { revokedAtMs: nowMs - 1 }, (text: string) => text, "token_revoked"],
  ["one whose time is over", { expiresAtMs: nowMs }, (text: string) => text, "token_expired"],
  ["one for another server", { servers: ["beta"] }, (text: string) => text, "token_audience"],
  ["one for no server at all", { servers: [] }, (text: string) => text, "token_audience"],
])("refuses %s", async (_what, more, show, code) => {
  const { text, key } = draw(more);
  const { book, used } = keep({ nightly: key });
  await book.load();
  expect(refusal(() => book.verify(show(text), resource, serverOf))).toBe(code);
  expect(used).toEqual([]);
});

it("refuses the name of one key with the secret of another", async () => {
  const withName = (fill: number) => (size: number) => (size === 8 ? Buffer.alloc(8, 1) : Buffer.alloc(size, fill));
  const [mine, yours] = [draw({}, withName(1)), draw({}, withName(2))];
  expect(mine.key.id).toBe(yours.key.id);
  const { book } = keep({ nightly: mine.key });
  await book.load();
  expect(refusal(() => book.verify(mine.text, resource, serverOf))).toBe("none");
  expect(refusal(() => book.verify(yours.text, resource, serverOf))).toBe("token_unknown");
});

it("knows none until they were read", () => {
  const { text, key } = draw();
  const { book } = keep({ nightly: key });
  expect(refusal(() => book.verify(text, resource, serverOf))).toBe("state_unavailable");
});

it.each([
  ["revoked", (key: ApiKey) => ({ nightly: { ...key, revokedAtMs: nowMs } })],
  ["deleted", () => ({})],
  ["replaced", () => ({ nightly: draw().key })],
])("tells who holds on to a key that it was %s", async (_what, change) => {
  const { text, key } = draw();
  const entries: Record<string, ApiKey> = { nightly: key };
  const { book } = keep(entries);
  await book.load();
  const { standing } = book.verify(text, resource, serverOf);
  await book.load();
  expect([standing.revoked, book.verify(text, resource, serverOf).standing === standing]).toEqual([false, true]);
  delete entries.nightly;
  Object.assign(entries, change(key));
  await book.load();
  expect(standing.revoked).toBe(true);
});
