import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readMetric, scrape, until } from "../golden/observe.ts";
import { startSubjectWorld, type World } from "./personas.ts";
import type { SdkClient } from "./sdk-client.ts";
import { allClients, sessionClients, statelessClient } from "./sdk-clients.ts";
import { layLine } from "./sdk-line.ts";
import { findRecords } from "./sdk-record.ts";

let world: World;
beforeAll(async () => {
  world = await startSubjectWorld();
});
afterAll(() => world.stop());

const hidden = "test://watched-resource";
const updated = "notifications/resources/updated";
const changes = ["tool", "prompt", "resource"];

/** A resource of its own for each test: what others announce meanwhile is not about it. */
function inventUri(): string {
  return `test://template/1${randomUUID()}/data`;
}

function announce(client: SdkClient, uri: string): Promise<unknown> {
  return client.call("test_trigger_resource_update", { uri });
}

function urisOf({ heard }: SdkClient): unknown[] {
  return heard.filter(({ method }) => method === updated).map(({ params }) => params.uri);
}

describe.each(allClients)("%s", (_name, connect) => {
  it("hears that lists change, each once", async () => {
    const client = await connect(world);
    const other = await connect(world);
    await client.watch([]);
    for (const change of changes) await other.call(`test_trigger_${change}_change`);
    await until("three notifications", () => client.heard.length >= changes.length);
    expect(client.heard.map(({ method }) => method)).toEqual(
      changes.map((change) => `notifications/${change}s/list_changed`),
    );
    await client.close();
    await findRecords(world, [...client.http.answers, ...other.http.answers]);
  });

  it("hears of the resources it watches, until it no longer does", async () => {
    const client = await connect(world);
    const other = await connect(world);
    const [mine, theirs] = [inventUri(), inventUri()];
    const watch = await client.watch([mine]);
    await other.watch([theirs]);
    for (const uri of [theirs, mine, theirs, mine]) await announce(other, uri);
    await until("both updates", () => urisOf(client).length >= 2 && urisOf(other).length >= 2);
    expect([urisOf(client), urisOf(other)]).toEqual([
      [mine, mine],
      [theirs, theirs],
    ]);

    await watch.stop();
    await announce(other, mine);
    await announce(other, theirs);
    await until("the update for the other", () => urisOf(other).length === 3);
    expect(urisOf(client)).toEqual([mine, mine]);
    await client.close();
    await findRecords(world, [...client.http.answers, ...other.http.answers]);
  });
});

it.each(sessionClients)("%s may not watch what it may not read", async (_name, connect) => {
  const operator = await connect(world);
  const reader = await connect(world, { persona: "reader" });
  const visible = inventUri();
  await reader.watch([visible]);
  await expect(reader.watch([hidden])).rejects.toMatchObject({ code: 403, data: { reason: "policy_denied" } });
  await announce(operator, hidden);
  await announce(operator, visible);
  await until("the update it may hear", () => urisOf(reader).length > 0);
  expect(urisOf(reader)).toEqual([visible]);
});

it.each([statelessClient])("%s watches only what it may read, and is told so", async (_name, connect) => {
  const operator = await connect(world);
  const reader = await connect(world, { persona: "reader" });
  const visible = inventUri();
  expect((await reader.watch([hidden, visible])).granted).toEqual([visible]);
  await announce(operator, hidden);
  await announce(operator, visible);
  await until("the update it may hear", () => urisOf(reader).length > 0);
  expect(urisOf(reader)).toEqual([visible]);
});

it.each([statelessClient])("%s watches anew after a cut; what happened in between is over", async (_name, connect) => {
  const line = await layLine(world.gateway);
  const client = await connect(world, { http: await world.trust(line) });
  const other = await connect(world);
  const [before, between, after] = [inventUri(), inventUri(), inventUri()];
  const uris = [before, between, after];
  const watch = await client.watch(uris);
  await announce(other, before);
  await until("the first update", () => urisOf(client).length === 1);

  line.cut();
  expect(await watch.closed).toBe("remote");
  await until("the gateway to notice", async () => {
    const metrics = await scrape(world.gateway);
    const open = ["sallyport_inflight_requests", "sallyport_open_streams"];
    return open.every((metric) => readMetric(metrics, metric, "server").get("subject") === 0);
  });
  await announce(other, between);
  line.mend();
  await client.watch(uris);
  await announce(other, after);
  await until("the last update", () => urisOf(client).length === 2);
  expect(urisOf(client)).toEqual([before, after]);

  const records = await findRecords(world, client.http.answers);
  const listens = records.filter(({ method }) => method === "subscriptions/listen");
  expect(listens).toMatchObject([{ decision: { effect: "allow" } }, { decision: { effect: "allow" } }]);
});
