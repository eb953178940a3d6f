import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createLeases, type Limit, type PermitStore } from "../../../src/limits/leases.ts";
import { createWindows } from "../../../src/limits/windows.ts";

const limit: Limit = { requests: 100, windowMs: 60_000, onFailure: "local" };

/** Some processes over one store, a clock for all of them, and how often the store was asked. */
function createScene(processes: number) {
  const scene = { nowMs: 0, asked: 0, failed: 0, broken: false };
  const now = () => scene.nowMs;
  const windows = createWindows(now);
  const store: PermitStore = {
    patienceMs: 50,
    async take(...question) {
      scene.asked += 1;
      if (scene.broken) throw new Error("gone");
      return windows.take(...question);
    },
  };
  const leases = Array.from({ length: processes }, () =>
    createLeases(store, createWindows(now), now, () => {
      scene.failed += 1;
    }),
  );
  const count = async (process: number, of: Limit = limit, key = "k") => leases[process]?.count("n", of, key);
  return { scene, count };
}

describe("leases", () => {
  it("let a process alone use the whole limit, and ask once for twenty requests of it", async () => {
    const { scene, count } = createScene(1);
    const verdicts: unknown[] = [];
    for (let request = 0; request < 101; request++) verdicts.push(await count(0));
    expect(verdicts.slice(0, 100).every((verdict) => verdict === null)).toBe(true);
    expect(verdicts[100]).toBe(60_000);
    expect(scene.asked).toBe(21);
  });

  it("do not ask again for a window that is used up", async () => {
    const { scene, count } = createScene(1);
    for (let request = 0; request < 101; request++) await count(0);
    const { asked } = scene;
    scene.nowMs = 59_999;
    expect(await count(0)).toBe(1);
    expect(scene.asked).toBe(asked);
    scene.nowMs = 60_000;
    expect(await count(0)).toBeNull();
  });

  it("ask once for all who wait", async () => {
    const { scene, count } = createScene(1);
    expect(await Promise.all(Array.from({ length: 5 }, () => count(0)))).toEqual(Array(5).fill(null));
    expect(scene.asked).toBe(1);
    // One question for what is usual, another for all who still wait.
    expect((await Promise.all(Array.from({ length: 50 }, () => count(0)))).every((verdict) => verdict === null)).toBe(
      true,
    );
    expect(scene.asked).toBeLessThanOrEqual(3);
    expect((await Promise.all(Array.from({ length: 45 }, () => count(0)))).every((verdict) => verdict === null)).toBe(
      true,
    );
    expect(await count(0)).not.toBeNull();
  });

  it("are exact for limits below forty, however the requests are spread", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 39 }),
        fc.array(fc.nat(2), { minLength: 60, maxLength: 60 }),
        async (requests, order) => {
          const { count } = createScene(3);
          let passed = 0;
          for (const process of order) if ((await count(process, { ...limit, requests })) === null) passed += 1;
          expect(passed).toBe(requests);
        },
      ),
    );
  });

  it("never let more pass than the limit, and leave at most a twentieth of it to each other process", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 3_000 }),
        fc.array(fc.nat(2), { maxLength: 200 }),
        async (requests, order) => {
          const { count } = createScene(3);
          const of = { ...limit, requests };
          let passed = 0;
          const send = async (process: number) => {
            const verdict = await count(process, of);
            if (verdict === null) passed += 1;
            return verdict;
          };
          for (const process of order) await send(process);
          while ((await send(0)) === null);
          expect(passed).toBeLessThanOrEqual(requests);
          expect(passed).toBeGreaterThanOrEqual(requests - 2 * Math.max(0, Math.floor(requests / 20)));
        },
      ),
    );
  });

  it("end with the window that they are part of, not with one of their own", async () => {
    const { scene, count } = createScene(2);
    await count(0);
    scene.nowMs = 59_000;
    await count(1);
    scene.nowMs = 60_000;
    const { asked } = scene;
    await count(1);
    expect(scene.asked).toBe(asked + 1);
  });

  it("count alone while the store does not answer, and tell of it", async () => {
    const { scene, count } = createScene(1);
    scene.broken = true;
    const verdicts: unknown[] = [];
    for (let request = 0; request < 101; request++) verdicts.push(await count(0));
    expect(verdicts.filter((verdict) => verdict === null)).toHaveLength(100);
    expect(verdicts[100]).toBe(60_000);
    expect(scene.failed).toBe(101);
  });

  it("let nothing pass where the limit says so, but for what was had before", async () => {
    const { scene, count } = createScene(1);
    const strict: Limit = { ...limit, onFailure: "refuse" };
    await count(0, strict);
    scene.broken = true;
    for (let request = 1; request < 5; request++) expect(await count(0, strict)).toBeNull();
    await expect(count(0, strict)).rejects.toMatchObject({ code: "limit_unavailable" });
    scene.broken = false;
    expect(await count(0, strict)).toBeNull();
  });

  it.each([
    [20, 3, 32],
    [30, 5, 200],
    [600, 4, 1_300],
  ])("let %i pass of a burst, however far the store is (%i ms, %i requests)", async (requests, roundTripMs, burst) => {
    let nowMs = 0;
    const now = () => nowMs;
    const windows = createWindows(now);
    const store: PermitStore = {
      patienceMs: 50,
      async take(...question) {
        await new Promise((resolve) => setImmediate(resolve));
        nowMs += roundTripMs;
        return windows.take(...question);
      },
    };
    let failures = 0;
    const leases = createLeases(store, createWindows(now), now, () => {
      failures += 1;
    });
    const of = { ...limit, requests };
    const verdicts = await Promise.all(Array.from({ length: burst }, async () => leases.count("n", of, "k")));
    expect([verdicts.filter((verdict) => verdict === null).length, failures]).toEqual([requests, 0]);
  });

  it("wait no longer for a second answer than for one", async () => {
    let asked = 0;
    const store: PermitStore = {
      patienceMs: 5,
      take() {
        asked += 1;
        return asked === 1 ? Promise.resolve({ granted: 5, resetMs: 60_000 }) : new Promise(() => {});
      },
    };
    const leases = createLeases(
      store,
      createWindows(() => 0),
      () => 0,
      () => {},
    );
    const strict: Limit = { ...limit, onFailure: "refuse" };
    const verdicts = await Promise.allSettled(Array.from({ length: 9 }, async () => leases.count("n", strict, "k")));
    expect(verdicts.filter(({ status }) => status === "fulfilled")).toHaveLength(5);
  });

  it("give up on a store that gives windows which are over at once", async () => {
    let nowMs = 0;
    const now = () => nowMs;
    const store: PermitStore = {
      patienceMs: 50,
      async take() {
        nowMs += 10;
        return { granted: 1, resetMs: 0 };
      },
    };
    const leases = createLeases(store, createWindows(now), now, () => {});
    expect(await leases.count("n", { ...limit, requests: 1 }, "k")).toBeNull();
    expect(nowMs).toBeLessThanOrEqual(store.patienceMs);
  });
});
