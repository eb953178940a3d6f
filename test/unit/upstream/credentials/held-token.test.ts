import { beforeEach, describe, expect, it } from "vitest";
import { HeldToken } from "../../../../src/upstream/credentials/held-token.ts";
import type { Grant } from "../../../../src/upstream/credentials/token-answer.ts";

let nowMs = 0;
let fetches: PromiseWithResolvers<Grant>[] = [];
let held = new HeldToken(() => nowMs);
beforeEach(() => {
  nowMs = 1_000_000;
  fetches = [];
  held = new HeldToken(() => nowMs);
});

const fetch = () => {
  const question = Promise.withResolvers<Grant>();
  fetches.push(question);
  return question.promise;
};
const obtain = (mostMs?: number) => held.obtain(fetch, mostMs);

/** Gets a first token that lasts this long. */
async function begin(lifetimeMs: number, mostMs?: number): Promise<void> {
  const token = obtain(mostMs);
  fetches[0]?.resolve({ token: "first", lifetimeMs });
  expect(await token).toBe("first");
}

describe("a token", () => {
  it("is fetched once for all who wait", async () => {
    const waiting = [obtain(), obtain(), obtain()];
    expect(fetches).toHaveLength(1);
    fetches[0]?.resolve({ token: "first", lifetimeMs: 60_000 });
    expect(await Promise.all(waiting)).toEqual(["first", "first", "first"]);
  });

  it("is there at once afterwards, without a promise", async () => {
    await begin(60_000);
    expect(obtain()).toBe("first");
    expect(fetches).toHaveLength(1);
  });

  it.each([
    ["a long one ten seconds before its end", 3_600_000, 3_590_000],
    ["a short one when a tenth of its life is left", 10_000, 9_000],
  ])("is not shown any more near its end: %s", async (_case, lifetimeMs, untilMs) => {
    await begin(lifetimeMs);
    nowMs += untilMs - 1;
    expect(obtain()).toBe("first");
    nowMs += 1;
    expect(obtain()).toBeInstanceOf(Promise);
  });

  it("is renewed while the old one serves, so that nobody waits", async () => {
    await begin(3_600_000);
    nowMs += 0.8 * 3_600_000 - 1;
    obtain();
    expect(fetches).toHaveLength(1);
    nowMs += 1;
    expect([obtain(), obtain()]).toEqual(["first", "first"]);
    expect(fetches).toHaveLength(2);
    fetches[1]?.resolve({ token: "second", lifetimeMs: 3_600_000 });
    await fetches[1]?.promise;
    await Promise.resolve();
    expect(obtain()).toBe("second");
  });

  it("serves to its end when it cannot be renewed", async () => {
    await begin(100_000);
    nowMs += 85_000;
    expect(obtain()).toBe("first");
    fetches[1]?.reject(new Error("away"));
    await fetches[1]?.promise.catch(() => {});
    await new Promise(setImmediate);
    expect(obtain()).toBe("first");
    nowMs += 5_000;
    const late = obtain();
    fetches.at(-1)?.reject(new Error("still away"));
    await expect(late).rejects.toThrow("still away");
  });

  it("began to age when it was asked for", async () => {
    const token = obtain();
    nowMs += 30_000;
    fetches[0]?.resolve({ token: "first", lifetimeMs: 40_000 });
    await token;
    nowMs += 6_000;
    expect(obtain()).toBeInstanceOf(Promise);
  });

  it("is over when whoever it is for is, however long it would last", async () => {
    await begin(3_600_000, nowMs + 5_000);
    nowMs += 4_999;
    expect(obtain()).toBe("first");
    nowMs += 1;
    expect(held.isGood).toBe(false);
    expect(obtain()).toBeInstanceOf(Promise);
  });

  it("is not there after a failure, which the next one does not inherit", async () => {
    const token = obtain();
    fetches[0]?.reject(new Error("away"));
    await expect(token).rejects.toThrow("away");
    const next = obtain();
    fetches[1]?.resolve({ token: "second", lifetimeMs: 60_000 });
    expect(await next).toBe("second");
  });
});

describe("a token that the server refuses", () => {
  it("is let go of, and what comes in its place for ten seconds is not: such a server refuses everything", async () => {
    await begin(60_000);
    expect(held.reject("first")).toBe(true);
    const next = obtain();
    fetches[1]?.resolve({ token: "second", lifetimeMs: 60_000 });
    expect(await next).toBe("second");
    nowMs += 9_999;
    expect(held.reject("second")).toBe(false);
    expect(obtain()).toBe("second");
    nowMs += 1;
    expect(held.reject("second")).toBe(true);
    expect(obtain()).toBeInstanceOf(Promise);
    expect(fetches).toHaveLength(3);
  });

  it("may be tried again where there is another one by now, or none", async () => {
    await begin(60_000);
    expect(held.reject("an older one")).toBe(true);
    expect(obtain()).toBe("first");
    expect([held.reject("first"), held.reject("first")]).toEqual([true, true]);
    expect(fetches).toHaveLength(1);
  });
});
