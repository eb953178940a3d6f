import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { expect, it } from "vitest";
import { createRevocationBook, handleOf } from "../../../../src/auth/revocations.ts";
import { digestSecret } from "../../../../src/auth/secret-text.ts";
import { createSessionTokenBook, type Owner, type SessionRules } from "../../../../src/auth/session-tokens/book.ts";
import { noticeMsOf, type SessionToken, sessionTokens } from "../../../../src/auth/session-tokens/session-token.ts";
import { drawSessionToken, readSessionToken } from "../../../../src/auth/session-tokens/token-text.ts";
import { Denial } from "../../../../src/denial.ts";
import { StoreError } from "../../../../src/state/store.ts";

const startMs = 1_000_000_000;
const minutes = 60_000;
const life: SessionRules = {
  ...{ idleMs: 60 * minutes, absoluteMs: 240 * minutes },
  groupsOf: ({ groups, origin }) => (origin === null ? groups : origin.provider === "corp" ? ["mapped"] : null),
};
const resource = "https://gateway/alpha/mcp";
const serverOf = (asked: string) => (asked === resource ? "alpha" : undefined);

function draw(more: Partial<SessionToken> = {}) {
  const { id, text, ...halves } = drawSessionToken(randomBytes);
  const token: SessionToken = {
    ...{ digest: digestSecret(halves), user: "ann", label: "editor", servers: ["alpha"], from: null },
    login: { acr: "mfa", amr: ["pwd", "otp", "mfa"], authTime: startMs / 1_000 - 60 },
    ...{ createdAtMs: startMs, expiresAtMs: startMs + life.absoluteMs, revokedAtMs: null },
    ...more,
  };
  return { id, text, token };
}

type Shared = ReturnType<typeof openShared>["shared"];

/** A store that several processes have in common, and ann. */
function openShared(tokens: Record<string, SessionToken>) {
  const shared = {
    nowMs: startMs,
    tokens,
    ann: { groups: ["all"], loginsFrom: 0, origin: null } as Owner | null,
    revoked: [] as { key: string; atMs: number }[],
    uses: new Map<string, number>(),
    writes: 0,
    /** How often verdicts were void. */
    changes: 0,
    away: false,
    hangs: false,
  };
  const ask = <Value>(value: Value): Promise<Value> => {
    if (shared.hangs) return new Promise(() => {});
    return shared.away ? Promise.reject(new StoreError("away")) : Promise.resolve(value);
  };
  const entry = <Value>(key: string, value: Value) => ({ key, value, revision: 1 });
  const store = {
    list: (kind: unknown) =>
      ask(
        kind === sessionTokens
          ? Object.entries(shared.tokens).map(([key, value]) => entry(key, value))
          : shared.revoked.map(({ key, atMs }) => entry(key, { atMs, by: "test", reason: null })),
      ) as never,
    get: (kind: unknown, key: string) => {
      const token = shared.tokens[key];
      if (kind === sessionTokens) return ask(token === undefined ? null : entry(key, token)) as never;
      const atMs = shared.uses.get(key);
      return ask(atMs === undefined ? null : entry(key, { atMs })) as never;
    },
    put: (_kind: unknown, key: string, value: unknown) => {
      if (!shared.away) {
        shared.uses.set(key, (value as { atMs: number }).atMs);
        shared.writes += 1;
      }
      return ask(1);
    },
  };
  async function openProcess() {
    const revocations = createRevocationBook(store);
    const look = () => load().catch(() => {});
    const book = createSessionTokenBook({
      ...{ store: { ...store, look }, findOwner: async () => shared.ann, standingOf: revocations.standingOf },
      now: () => shared.nowMs,
      changed() {
        shared.changes += 1;
      },
    });
    const load = async () => {
      await revocations.load();
      await book.load();
    };
    await load();
    return { load, verify: (text: string, at = resource, by = life) => book.verify(text, at, serverOf, by) };
  }
  return { shared, openProcess };
}

async function open(more: Partial<SessionToken> = {}) {
  const { id, text, token } = draw(more);
  const { shared, openProcess } = openShared({ [id]: token });
  return { id, text, token, shared, openProcess, ...(await openProcess()) };
}

function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "none",
    (error: unknown) => (error instanceof Denial ? error.code : String(error)),
  );
}

it("is known at once to a process that has not looked since it was made at another", async () => {
  const { shared, openProcess } = openShared({});
  const { verify } = await openProcess();
  const { id, text, token } = draw();
  expect(await codeOf(verify(text))).toBe("token_unknown");
  shared.tokens[id] = token;
  expect((await verify(text)).subject).toBe("ann");
});

it("says who made it and how they had logged in, with the groups of now", async () => {
  const { id, text, verify, shared, load } = await open({ from: ["10.0.0.0/8"] });
  const proved = await verify(text);
  expect(proved).toMatchObject({
    ...{ issuer: "builtin", subject: "ann", client: null, via: "session-token", groups: ["all"], scopes: ["mcp"] },
    claims: { jti: id, acr: "mfa", amr: ["pwd", "otp", "mfa"], auth_time: startMs / 1_000 - 60 },
    ...{ bound: null, apiKey: null, standing: { revoked: false } },
  });
  expect([proved.from?.has("10.1.2.3"), proved.from?.has("11.1.2.3")]).toEqual([true, false]);
  shared.ann = { groups: ["few"], loginsFrom: 0, origin: null };
  await load();
  expect((await verify(text)).groups).toEqual(["few"]);
  expect(proved.standing.revoked).toBe(true);
});

it("leaves out what the login did not have", async () => {
  const { text, verify } = await open({ login: { acr: null, amr: ["pwd"], authTime: 1 } });
  expect((await verify(text)).claims).not.toHaveProperty("acr");
});

it.each<[string, Partial<SessionToken>, (text: string) => string, string]>([
  ["one that nobody made", {}, () => draw().text, "token_unknown"],
  ["the id of one with the secret of another", {}, (text) => swapSecret(text), "token_malformed"],
  ["one with a typing error", {}, (text) => `${text.slice(0, -1)}-`, "token_malformed"],
  ["one that was ended", { revokedAtMs: startMs }, (text) => text, "token_revoked"],
  ["one that is too old", { expiresAtMs: startMs }, (text) => text, "token_expired"],
  ["one for another server", { servers: ["beta"] }, (text) => text, "token_audience"],
  ["one for no server at all", { servers: [] }, (text) => text, "token_audience"],
])("refuses %s", async (_what, more, show, code) => {
  const { text, verify } = await open(more);
  expect(await codeOf(verify(show(text)))).toBe(code);
});

const swapSecret = (text: string) => text.slice(0, 16) + draw().text.slice(16);

it("refuses the id of one with the secret of another, checksum and all", async () => {
  const withId = (fill: number) => drawSessionToken((size) => Buffer.alloc(size, size === 8 ? 1 : fill));
  const { id, ...halves } = withId(1);
  const { openProcess } = openShared({ [id]: { ...draw().token, digest: digestSecret(halves) } });
  const { verify } = await openProcess();
  expect(await codeOf(verify(halves.text))).toBe("none");
  expect(await codeOf(verify(withId(2).text))).toBe("token_unknown");
});

it.each<[string, (shared: Shared, id: string) => void]>([
  ["was ended", ({ tokens }, id) => Object.assign(tokens, { [id]: { ...tokens[id], revokedAtMs: startMs } })],
  ["is gone", ({ tokens }, id) => void delete tokens[id]],
  ["is of somebody who is disabled", (shared) => Object.assign(shared, { ann: null })],
  [
    "was made with a login that has ended",
    (shared) => Object.assign(shared, { ann: { groups: ["all"], loginsFrom: startMs / 1_000, origin: null } }),
  ],
  ["was revoked by its id", ({ revoked }, id) => revoke(revoked, handleOf({ kind: "token", issuer: "builtin", id }))],
  [
    "was revoked with all that its user has",
    ({ revoked }) => revoke(revoked, handleOf({ kind: "user", issuer: "builtin", subject: "ann" })),
  ],
])("tells who holds on to one that it %s", async (_what, change) => {
  const { id, text, verify, shared, load } = await open();
  const { standing } = await verify(text);
  await load();
  expect([standing.revoked, (await verify(text)).standing === standing]).toEqual([false, true]);
  change(shared, id);
  await load();
  expect(standing.revoked).toBe(true);
  expect(await codeOf(verify(text))).toMatch(/token_(?:revoked|unknown)/);
});

function revoke(revoked: { key: string; atMs: number }[], key: string): void {
  revoked.push({ key, atMs: startMs });
}

it("is not void by what was revoked before it was made", async () => {
  const { verify, shared, load, text } = await open();
  const key = handleOf({ kind: "user", issuer: "builtin", subject: "ann" });
  shared.revoked.push({ key, atMs: startMs - 1 });
  await load();
  expect(await codeOf(verify(text))).toBe("none");
});

it("lasts while it is used, on whichever process, and not beyond its time", async () => {
  const { text, verify, shared, openProcess } = await open();
  const other = await openProcess();
  for (let step = 0; step < 5; step += 1) {
    shared.nowMs += 45 * minutes;
    expect(await codeOf((step % 2 === 0 ? verify : other.verify)(text))).toBe("none");
  }
  const { expiresAtMs } = await verify(text);
  expect(expiresAtMs).toBe(startMs + life.absoluteMs);
  shared.nowMs = expiresAtMs - 1;
  expect(await codeOf(verify(text))).toBe("none");
  shared.nowMs = expiresAtMs;
  expect(await codeOf(verify(text))).toBe("token_expired");
});

it("ends where it is not used, and does not begin again by being tried", async () => {
  const { text, verify, shared } = await open();
  shared.nowMs += life.idleMs - 1;
  expect(await codeOf(verify(text))).toBe("none");
  shared.nowMs += life.idleMs;
  expect(await codeOf(verify(text))).toBe("token_expired");
  expect(await codeOf(verify(text))).toBe("token_expired");
});

it("ends sooner where the configuration says so meanwhile, and not later", async () => {
  const { text, verify, shared } = await open();
  shared.nowMs += 30 * minutes;
  expect(await codeOf(verify(text, resource, { ...life, idleMs: 20 * minutes, absoluteMs: life.absoluteMs }))).toBe(
    "token_expired",
  );
  expect(await codeOf(verify(text, resource, { ...life, idleMs: 20 * minutes, absoluteMs: 25 * minutes }))).toBe(
    "token_expired",
  );
  const longer = { ...life, idleMs: 9 * life.absoluteMs, absoluteMs: 9 * life.absoluteMs };
  expect((await verify(text, resource, longer)).expiresAtMs).toBe(startMs + life.absoluteMs);
});

it("writes of a use now and then, and lets a verdict stand for as long", async () => {
  const { text, verify, shared } = await open();
  const noticeMs = noticeMsOf(life);
  for (let step = 0; step < 100; step += 1) {
    const { recheckAtMs } = await verify(text);
    expect(recheckAtMs - shared.nowMs).toBe(noticeMs);
    shared.nowMs += noticeMs / 10;
  }
  expect(shared.writes).toBe(9);
});

it("goes on without the store, by what it has seen itself", async () => {
  const { text, verify, shared } = await open();
  shared.nowMs += 30 * minutes;
  await verify(text);
  shared.away = true;
  shared.nowMs += 45 * minutes;
  expect(await codeOf(verify(text))).toBe("none");
  shared.nowMs += life.idleMs;
  expect(await codeOf(verify(text))).toBe("token_expired");
});

it("keeps no call waiting for a store that does not answer", async () => {
  const { text, verify, shared } = await open();
  shared.hangs = true;
  shared.nowMs += 30 * minutes;
  expect(await codeOf(verify(text))).toBe("none");
  expect(await codeOf(verify(draw().text))).toBe("token_unknown");
});

it("knows none until they were read", async () => {
  const { text } = draw();
  const book = createSessionTokenBook({
    store: {} as never,
    findOwner: async () => null,
    standingOf: () => ({ revoked: false }),
    now: () => startMs,
    changed: () => {},
  });
  expect(await codeOf(book.verify(text, resource, serverOf, life))).toBe("state_unavailable");
});

it("has the groups that those of a provider stand for, while the provider is there", async () => {
  const { shared, load, verify, text } = await open();
  shared.ann = { groups: ["theirs"], loginsFrom: 0, origin: { provider: "corp", issuer: "https://id.example.com" } };
  await load();
  expect((await verify(text)).groups).toEqual(["mapped"]);
  shared.ann = { ...shared.ann, origin: { provider: "gone", issuer: "https://id.example.com" } };
  await load();
  expect(await codeOf(verify(text))).toBe("token_revoked");
});

it.each<[string, number, (shared: Shared) => void]>([
  ["nothing", 0, () => {}],
  ["only a login of its owner", 0, (shared) => Object.assign(shared, { ann: { ...shared.ann } })],
  ["its owner's groups", 1, (shared) => Object.assign(shared, { ann: { ...shared.ann, groups: ["few"] } })],
  ["whether its owner may be here", 1, (shared) => Object.assign(shared, { ann: null })],
  ["that there are more", 1, (shared) => Object.assign(shared.tokens, { other: draw().token })],
  ["that it is gone", 1, (shared) => Object.assign(shared, { tokens: {} })],
])("of what changed %s, as many verdicts are void: %i", async (_what, expected, change) => {
  const { shared, load } = await open();
  const before = shared.changes;
  change(shared);
  await load();
  await load();
  expect(shared.changes - before).toBe(expected);
});

it("is good at no moment that is too late, however it is used", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 90 }), { maxLength: 30 }), async (waits) => {
      const { text, verify, shared } = await open();
      let usedMs = startMs;
      for (const wait of waits) {
        shared.nowMs += wait * minutes;
        const isGood = (await codeOf(verify(text))) === "none";
        if (isGood) {
          expect(shared.nowMs - usedMs).toBeLessThan(life.idleMs);
          expect(shared.nowMs).toBeLessThan(startMs + life.absoluteMs);
          usedMs = shared.nowMs;
        } else {
          // Given that a use may have gone unnoticed for a while.
          const idle = shared.nowMs - usedMs + noticeMsOf(life) >= life.idleMs;
          expect(idle || shared.nowMs >= startMs + life.absoluteMs).toBe(true);
        }
      }
    }),
    { numRuns: 50 },
  );
});

it("is written like an API key, and is none", () => {
  const { id, secret, text } = drawSessionToken(randomBytes);
  expect(text).toMatch(/^sps_[0-9A-Za-z]{11}_[0-9A-Za-z]{49}$/);
  expect(readSessionToken(text)).toEqual({ id, secret });
  expect(readSessionToken(text.replace("sps_", "spk_"))).toBeUndefined();
});
