import { Agent } from "undici";
import { expect, it, onTestFinished } from "vitest";
import type { StreamEvent } from "../../../src/mcp/sse.ts";
import { openSource } from "../../../src/upstream/sse-source.ts";
import { collectGarbage } from "../../fixtures/garbage.ts";
import { message, serverConfig } from "./sse-scene.ts";
import { startScriptedServer } from "./sse-server.ts";
import { settle } from "./sse-source.ts";

it("keeps no event that it has handed out, however long it takes until the next is wanted", async () => {
  const server = await startScriptedServer();
  const agent = new Agent();
  onTestFinished(() => agent.destroy());
  const source = await openSource(serverConfig(server.url), agent, {}, new AbortController().signal);
  if ("statusCode" in source) return expect.fail();
  const events = source.events[Symbol.asyncIterator]();
  const take = async () => {
    const { value } = await events.next();
    return new WeakRef(value as StreamEvent);
  };
  server.streams.at(-1)?.say(message);
  server.streams.at(-1)?.say(message);
  const first = await take();
  await settle();
  collectGarbage();
  expect(first.deref()).toBeUndefined();
  expect((await events.next()).value).toMatchObject({ data: message });
});
