/** What replicas tell each other by way of a real Redis, and what somebody else who writes there can make of it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@redis/client";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { Secret } from "../../../src/config/secret.ts";
import { type Keyring, openKeyring } from "../../../src/crypto/keyring.ts";
import { createLog } from "../../../src/observe/log.ts";
import type { Notice } from "../../../src/state/notices.ts";
import { connectRedis } from "../../../src/state/redis.ts";
import { hasRedis, type Redis, startRedis } from "../../fixtures/redis.ts";

describe.skipIf(!hasRedis)("a board in Redis", () => {
  let directory: string;
  let redis: Redis;
  let keyring: Keyring;
  let intruder: ReturnType<typeof createClient>;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "sallyport-board-"));
    redis = await startRedis();
    keyring = await openKeyring(directory, { now: Date.now, sessionLifetimeMs: 1_000 });
    intruder = createClient({ url: redis.url });
    await intruder.connect();
  });

  beforeEach(() => intruder.flushAll());

  afterAll(async () => {
    intruder.destroy();
    await redis.stop();
    await rm(directory, { recursive: true });
  });

  async function openProcess() {
    const lines: string[] = [];
    const log = createLog("warn", (line) => lines.push(line));
    const shared = connectRedis({ url: new Secret(redis.url), keyring, log, now: () => performance.now() });
    onTestFinished(() => shared.close());
    const heard: string[] = [];
    shared.board.attend((notice) => heard.push(nameOf(notice)));
    await expect.poll(() => shared.ready).toBe(true);
    const post = (book: "ended" | "answered", key: string, known = true) =>
      shared.board.post({ kind: "recall", book, key, known });
    return { post, heard, lines };
  }

  const nameOf = (notice: Notice) =>
    notice.kind === "recall" ? `${notice.book} ${notice.key} ${notice.known}` : notice.kind;
  const entriesOf = async (key: string) => (await intruder.xRange(key, "-", "+")) ?? [];
  const keyOf = async (end: string) => (await intruder.keys(`*:${end}`))[0] ?? "";

  it("tells who comes later of a session's end, however many questions were answered since", async () => {
    const here = await openProcess();
    const there = await openProcess();
    here.post("ended", "a");
    for (let count = 1; count <= 10_500; count += 1) {
      here.post("answered", String(count));
      if (count % 500 === 0) await expect.poll(() => there.heard.length, { interval: 2 }).toBe(count + 1);
    }
    const late = await openProcess();
    await expect.poll(() => late.heard[0]).toBe("ended a true");
  });

  it("hears nothing twice that somebody puts there again", async () => {
    const here = await openProcess();
    const there = await openProcess();
    here.post("answered", "a");
    here.post("answered", "a", false);
    here.post("answered", "a");
    await expect.poll(() => there.heard).toHaveLength(3);
    const answers = await keyOf("answered");
    for (const { message } of await entriesOf(answers)) await intruder.xAdd(answers, "*", message);
    here.post("ended", "b");
    await expect.poll(() => there.heard.at(-1)).toBe("ended b true");
    expect(there.heard).toHaveLength(4);
  });

  it("goes on where Redis is another one, whose clock is behind", async () => {
    const here = await openProcess();
    const there = await openProcess();
    here.post("ended", "a");
    await expect.poll(() => there.heard).toEqual(["ended a true"]);
    await intruder.xAdd(await keyOf("ended"), "99999999999999-0", { sealed: "forged" });
    await expect.poll(() => there.lines.length).toBe(1);
    await intruder.flushAll();
    await intruder.sendCommand(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    here.post("ended", "b");
    await expect.poll(() => there.heard).toEqual(["ended a true", "ended b true"]);
  });

  it("says so where notices are missing", async () => {
    const here = await openProcess();
    for (const key of ["a", "b", "c", "d", "e"]) here.post("ended", key);
    const there = await openProcess();
    await expect.poll(() => there.heard).toHaveLength(5);
    expect(there.lines).toEqual([]);
    const notices = await keyOf("ended");
    const kept = await entriesOf(notices);
    await intruder.flushAll();
    for (const { message } of [0, 2, 4].flatMap((place) => kept[place] ?? []))
      await intruder.xAdd(notices, "*", message);
    const late = await openProcess();
    await expect.poll(() => late.heard).toHaveLength(3);
    expect(late.lines).toHaveLength(1);
    expect(late.lines[0]).toContain("never came");
  });

  it.each(["allkeys-lru", "volatile-ttl"])("warns of a Redis that drops entries: %s", async (policy) => {
    await intruder.configSet("maxmemory-policy", policy);
    onTestFinished(async () => void (await intruder.configSet("maxmemory-policy", "noeviction")));
    const { lines } = await openProcess();
    await expect.poll(() => lines.length).toBe(1);
    expect(lines[0]).toContain(policy);
  });

  it("keeps what it has to say while Redis has no memory left, and says so once", async () => {
    const here = await openProcess();
    const there = await openProcess();
    await intruder.configSet("maxmemory", "1");
    onTestFinished(async () => void (await intruder.configSet("maxmemory", "0")));
    here.post("ended", "a");
    await expect.poll(() => here.lines.length).toBe(1);
    here.post("ended", "b");
    await intruder.configSet("maxmemory", "0");
    await expect.poll(() => there.heard).toEqual(["ended a true", "ended b true"]);
    expect(here.lines).toHaveLength(1);
    expect(here.lines[0]).toContain("takes no notices");
  });
});
