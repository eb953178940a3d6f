import { beforeEach, describe, expect, test } from "vitest";
import type { VerifiedToken } from "../../../src/auth/claims.ts";
import { createTokenCache, type TokenCacheOptions } from "../../../src/auth/tokens.ts";
import { Denial, type DenialCode } from "../../../src/denial.ts";

let nowMs: number;
let calls: string[];
let outcomes: Record<string, () => Promise<VerifiedToken> | VerifiedToken>;

beforeEach(() => {
  nowMs = 1_000_000;
  calls = [];
  outcomes = {};
});

const token = (expiresAtMs = nowMs + 60_000): VerifiedToken => ({
  issuer: "corp",
  subject: "ann",
  client: null,
  groups: [],
  scopes: [],
  claims: {},
  via: "jwt",
  apiKey: null,
  from: null,
  bound: null,
  standing: { revoked: false },
  expiresAtMs,
  recheckAtMs: Number.POSITIVE_INFINITY,
});

const cacheOf = (extra: Partial<TokenCacheOptions> = {}) =>
  createTokenCache({
    verify: async (text, resource) => {
      calls.push(`${text} ${resource}`);
      return (outcomes[text] ?? token)();
    },
    now: () => nowMs,
    maxEntries: 3,
    maxConcurrentMisses: 4,
    maxAgeMs: 600_000,
    ...extra,
  });

const refusing = (code: DenialCode) => () => {
  throw new Denial(code, { detail: "why", cause: new Error("of jose") });
};
const denialOf = (verdict: Promise<unknown>) => verdict.then(String, (error: unknown) => error as Denial);

describe("an admission", () => {
  test("is the same object for the same token and resource", async () => {
    const cache = cacheOf();
    expect(await cache.verify("t", "r")).toBe(await cache.verify("t", "r"));
    expect(calls).toEqual(["t r"]);
  });

  test("is asked for again when it is to be", async () => {
    const cache = cacheOf();
    outcomes.t = () => ({ ...token(), recheckAtMs: nowMs + 20_000 });
    await cache.verify("t", "r");
    nowMs += 19_999;
    await cache.verify("t", "r");
    expect(calls).toHaveLength(1);
    nowMs += 1;
    await cache.verify("t", "r");
    expect(calls).toHaveLength(2);
  });

  test("is asked for again when the clock was set back, for then nobody knows how old it is", async () => {
    const cache = cacheOf();
    outcomes.t = () => ({ ...token(), recheckAtMs: nowMs + 20_000 });
    await cache.verify("t", "r");
    nowMs -= 3_600_000;
    outcomes.t = refusing("token_unknown");
    expect(await denialOf(cache.verify("t", "r"))).toMatchObject({ code: "token_unknown" });
  });

  test("is for one resource", async () => {
    const cache = cacheOf();
    await cache.verify("t", "r");
    await cache.verify("t", "s");
    expect(calls).toEqual(["t r", "t s"]);
  });

  test("ends when the token does", async () => {
    const cache = cacheOf();
    const { expiresAtMs } = await cache.verify("t", "r");
    nowMs = expiresAtMs - 1;
    await cache.verify("t", "r");
    expect(calls).toHaveLength(1);
    nowMs = expiresAtMs;
    outcomes.t = refusing("token_expired");
    expect(await denialOf(cache.verify("t", "r"))).toMatchObject({ code: "token_expired" });
  });

  test("is judged again after maxAgeMs, so that a withdrawn key stops counting", async () => {
    const cache = cacheOf({ maxAgeMs: 1_000 });
    await cache.verify("t", "r");
    nowMs += 999;
    await cache.verify("t", "r");
    expect(calls).toHaveLength(1);
    nowMs += 1;
    await cache.verify("t", "r");
    expect(calls).toHaveLength(2);
  });
});

describe("a refusal", () => {
  test("is remembered for a short time and thrown anew each time, without its cause", async () => {
    outcomes.t = refusing("token_signature");
    const cache = cacheOf();
    const denials = [];
    for (let i = 0; i < 3; i++) denials.push(await denialOf(cache.verify("t", "r")));
    expect(calls).toHaveLength(1);
    expect(new Set(denials).size).toBe(3);
    for (const denial of denials) expect(denial).toMatchObject({ code: "token_signature", extra: { detail: "why" } });
    expect(denials[1]).toMatchObject({ cause: undefined });
    nowMs += 5_000;
    delete outcomes.t;
    await expect(cache.verify("t", "r")).resolves.toBeDefined();
  });

  test.each<DenialCode>(["keys_unavailable", "internal_error"])("%s is not remembered", async (code) => {
    outcomes.t = refusing(code);
    const cache = cacheOf();
    expect(await denialOf(cache.verify("t", "r"))).toMatchObject({ code });
    delete outcomes.t;
    await expect(cache.verify("t", "r")).resolves.toBeDefined();
  });

  test("is not remembered for longer because the clock was set back", async () => {
    const cache = cacheOf();
    outcomes.t = refusing("token_key");
    await denialOf(cache.verify("t", "r"));
    nowMs -= 3_600_000;
    outcomes.t = token;
    expect(await cache.verify("t", "r")).toMatchObject({ subject: "ann" });
  });

  test("what is no refusal passes as it is", async () => {
    const fault = new TypeError("bug");
    outcomes.t = () => Promise.reject(fault);
    const cache = cacheOf();
    await expect(cache.verify("t", "r")).rejects.toBe(fault);
    await expect(cache.verify("t", "r")).rejects.toBe(fault);
    expect(calls).toHaveLength(2);
  });

  test("never pushes an admission out", async () => {
    const cache = cacheOf();
    await cache.verify("good", "r");
    for (let i = 0; i < 50; i++) {
      outcomes[`bad${i}`] = refusing("token_signature");
      await denialOf(cache.verify(`bad${i}`, "r"));
    }
    await cache.verify("good", "r");
    expect(calls.filter((call) => call === "good r")).toHaveLength(1);
  });
});

describe("bounds", () => {
  test("the oldest admission goes when there are too many", async () => {
    const cache = cacheOf();
    for (const text of ["a", "b", "c", "d"]) await cache.verify(text, "r");
    await cache.verify("b", "r");
    await cache.verify("d", "r");
    expect(calls).toHaveLength(4);
    await cache.verify("a", "r");
    expect(calls).toHaveLength(5);
  });

  test("the oldest refusal goes when there are too many", async () => {
    const cache = cacheOf();
    for (const text of ["a", "b", "c", "d", "a"]) {
      outcomes[text] = refusing("token_signature");
      await denialOf(cache.verify(text, "r"));
    }
    expect(calls).toEqual(["a r", "b r", "c r", "d r", "a r"]);
  });

  test("many callers with one token are one verification", async () => {
    const gate = Promise.withResolvers<VerifiedToken>();
    outcomes.t = () => gate.promise;
    const cache = cacheOf({ maxConcurrentMisses: 1 });
    const verdicts = Array.from({ length: 50 }, () => cache.verify("t", "r"));
    gate.resolve(token());
    expect(new Set(await Promise.all(verdicts)).size).toBe(1);
    expect(calls).toHaveLength(1);
  });

  test("callers who share a refused verification get a refusal each", async () => {
    const gate = Promise.withResolvers<VerifiedToken>();
    outcomes.t = () => gate.promise;
    const cache = cacheOf();
    const verdicts = [1, 2].map(() => denialOf(cache.verify("t", "r")));
    gate.reject(new Denial("token_signature"));
    const [first, second] = await Promise.all(verdicts);
    expect(first).toMatchObject({ code: "token_signature" });
    expect(second).toMatchObject({ code: "token_signature" });
    expect(first).not.toBe(second);
  });

  test("more tokens at once than allowed are turned away, and known ones are not", async () => {
    const gate = Promise.withResolvers<VerifiedToken>();
    const cache = cacheOf({ maxConcurrentMisses: 2 });
    await cache.verify("known", "r");
    for (const text of ["a", "b"]) outcomes[text] = () => gate.promise;
    const waiting = ["a", "b"].map((text) => cache.verify(text, "r"));
    expect(await denialOf(cache.verify("c", "r"))).toMatchObject({
      code: "verification_busy",
      extra: { retryAfterMs: 1_000 },
    });
    await cache.verify("known", "r");
    gate.resolve(token());
    await Promise.all(waiting);
    await expect(cache.verify("c", "r")).resolves.toBeDefined();
  });

  test("a verification that fails frees its place", async () => {
    const cache = cacheOf({ maxConcurrentMisses: 1 });
    for (const text of ["a", "b", "c"]) {
      outcomes[text] = refusing("token_signature");
      expect(await denialOf(cache.verify(text, "r"))).toMatchObject({ code: "token_signature" });
    }
  });
});

describe("clearing", () => {
  test("forgets admissions and refusals", async () => {
    outcomes.bad = refusing("token_key");
    const cache = cacheOf();
    await cache.verify("good", "r");
    await denialOf(cache.verify("bad", "r"));
    cache.clear();
    outcomes = { good: refusing("token_key") };
    expect(await denialOf(cache.verify("good", "r"))).toMatchObject({ code: "token_key" });
    await expect(cache.verify("bad", "r")).resolves.toBeDefined();
  });

  test("keeps nothing that was begun before, nor lets anyone join it", async () => {
    const gate = Promise.withResolvers<VerifiedToken>();
    outcomes.t = () => gate.promise;
    const cache = cacheOf();
    const early = cache.verify("t", "r");
    cache.clear();
    outcomes.t = refusing("token_key");
    expect(await denialOf(cache.verify("t", "r"))).toMatchObject({ code: "token_key" });
    gate.resolve(token());
    await early;
    expect(await denialOf(cache.verify("t", "r"))).toMatchObject({ code: "token_key" });
  });
});
