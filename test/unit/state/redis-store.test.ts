import { EventEmitter } from "node:events";
import { expect, it } from "vitest";
import { createRedisStore } from "../../../src/state/redis-store.ts";

it("with another connection all may be other than it was, however far it counts", async () => {
  const events = new EventEmitter();
  const client = Object.assign(events, { isReady: true, hGetAll: async () => ({ cup: "1" }) });
  const store = createRedisStore(client as unknown as Parameters<typeof createRedisStore>[0], "test");
  events.emit("ready");
  const before = await store.heads();
  expect(await store.heads()).toEqual(before);
  events.emit("ready");
  expect((await store.heads()).get("cup")).not.toBe(before.get("cup"));
});
