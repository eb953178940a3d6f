import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startSubjectWorld, type World } from "./personas.ts";
import { steer, textOf } from "./sdk-client.ts";
import { allClients, sessionClients, statelessClient } from "./sdk-clients.ts";
import { findHeldCall, findRecords } from "./sdk-record.ts";

let world: World;
beforeAll(async () => {
  world = await startSubjectWorld();
});
afterAll(() => world.stop());

describe.each(allClients)("%s", (_name, connect) => {
  it("reports progress to the call that asked for it, before its answer", async () => {
    const client = await connect(world);
    const run = async () => {
      const order: (number | string)[] = [];
      const onprogress = ({ progress }: { progress: number }) => void order.push(progress);
      const answer = await client.call("test_tool_with_progress", {}, { onprogress });
      order.push(textOf(answer));
      return order;
    };
    const runs = await Promise.all([run(), run(), run()]);
    for (const order of runs) expect(order).toEqual([0, 50, 100, "Reported progress three times."]);
    const records = await findRecords(world, client.http.answers);
    expect(records.filter(({ target }) => target?.name === "test_tool_with_progress")).toHaveLength(3);
  });

  it("cancels the call it means, and the server sees it", async () => {
    const client = await connect(world);
    const other = await connect(world);
    const [cancelled, kept] = [randomUUID(), randomUUID()];
    const giveUp = new AbortController();
    // Both clients count their requests from the beginning, so these two have the same JSON-RPC id.
    const call = client.call("test_hold", { label: cancelled }, { signal: giveUp.signal });
    const unharmed = other.call("test_hold", { label: kept });
    await Promise.all([steer(client, cancelled, "await"), steer(client, kept, "await")]);
    giveUp.abort("changed my mind");
    await expect(call).rejects.toThrow("changed my mind");
    expect(await steer(client, cancelled, "outcome")).toMatch(/^cancelled: /);
    await steer(client, kept, "end");
    expect(textOf(await unharmed)).toBe("Held until it was ended.");
    await client.close();
    expect(await findHeldCall(world, cancelled)).toMatchObject({
      decision: { effect: "allow", reason: client.session === undefined ? "client_gone" : "client_cancelled" },
      outcome: { tool_error: null },
    });
    expect(await findHeldCall(world, kept)).toMatchObject({
      decision: { reason: null },
      outcome: { tool_error: false },
    });
  });
});

it.each(sessionClients)("%s says that it cancels, and why", async (_name, connect) => {
  const client = await connect(world);
  const label = randomUUID();
  const giveUp = new AbortController();
  const call = client.call("test_hold", { label }, { signal: giveUp.signal });
  await steer(client, label, "await");
  giveUp.abort("changed my mind");
  await expect(call).rejects.toThrow();
  expect(await steer(client, label, "outcome")).toBe("cancelled: changed my mind");
  await client.close();
  const records = await findRecords(world, client.http.answers);
  const said = records.filter(({ method }) => method === "notifications/cancelled");
  expect(said).toMatchObject([{ event: "notification", decision: { effect: "allow" }, outcome: { http: 202 } }]);
});

it.each([statelessClient])("%s cancels by leaving", async (_name, connect) => {
  const client = await connect(world);
  const label = randomUUID();
  const giveUp = new AbortController();
  const call = client.call("test_hold", { label }, { signal: giveUp.signal });
  await steer(client, label, "await");
  giveUp.abort();
  await expect(call).rejects.toThrow();
  expect(await steer(client, label, "outcome")).toMatch(/^cancelled: /);
  expect(client.http.answers.map(({ method }) => method)).not.toContain("notifications/cancelled");
  const record = await findHeldCall(world, label);
  expect(record).toMatchObject({ era: "modern", decision: { effect: "allow", reason: "client_gone" } });
});
