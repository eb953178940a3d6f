import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { until } from "../golden/observe.ts";
import { createClient } from "./http.ts";
import { startSubjectWorld, type World } from "./personas.ts";
import { type SdkClient, steer, textOf } from "./sdk-client.ts";
import { sessionClients, statelessClient } from "./sdk-clients.ts";
import { layLine } from "./sdk-line.ts";
import { findHeldCall, findRecords, readVisits } from "./sdk-record.ts";

let world: World;
beforeAll(async () => {
  world = await startSubjectWorld();
});
afterAll(() => world.stop());

/** What held calls have said to a client. */
function saidTo({ heard }: SdkClient): unknown[] {
  return heard.filter(({ method }) => method === "notifications/message").map(({ params }) => params.data);
}

describe.each(sessionClients)("%s", (_name, connect) => {
  it("goes on with a call that was cut, misses nothing and gets nothing twice", async () => {
    const line = await layLine(world.gateway);
    const client = await connect(world, { http: await world.trust(line) });
    const other = await connect(world);
    const label = randomUUID();
    const call = client.call("test_hold", { label });
    await steer(other, label, "say", "heard");
    await until("the first words", () => saidTo(client).length === 1);

    line.mute();
    await steer(other, label, "say", "lost on the way");
    line.cut();
    await steer(other, label, "say", "said to nobody");
    await until("the client to try again", () => line.refused > 0);
    line.mend();
    await until("what it missed", () => saidTo(client).length === 3);
    await steer(other, label, "say", "heard again");
    await steer(other, label, "end");
    expect(textOf(await call)).toBe("Held until it was ended.");
    expect(saidTo(client)).toEqual(["heard", "lost on the way", "said to nobody", "heard again"]);

    expect(await findHeldCall(world, label)).toMatchObject({ decision: { effect: "allow", reason: "client_gone" } });
    await client.close();
    const records = await findRecords(world, client.http.answers);
    const resumed = records.filter(({ event, outcome }) => event === "stream" && outcome.tool_error === false);
    expect(resumed).toHaveLength(1);
  });

  it("goes on with the stream of its session: what happened in between is told, once and in order", async () => {
    const line = await layLine(world.gateway);
    const client = await connect(world, { http: await world.trust(line) });
    const other = await connect(world);
    const uris = ["heard", "lost", "missed", "after"].map((what) => `test://template/${what}-${randomUUID()}/data`);
    const [heard = "", lost = "", missed = "", after = ""] = uris;
    const update = (uri: string) => other.call("test_trigger_resource_update", { uri });
    const updates = () => client.heard.map(({ params }) => params.uri);
    await client.watch(uris);
    await update(heard);
    await until("the first update", () => updates().length === 1);

    line.mute();
    await update(lost);
    line.cut();
    await update(missed);
    await until("the client to try again", () => line.refused > 0);
    line.mend();
    await until("what it missed", () => updates().length === 3);
    await update(after);
    await until("the last update", () => updates().length === 4);
    expect(updates()).toEqual(uris);
  });

  it("goes on with a call of a client that is gone", async () => {
    const gone = await connect(world);
    const { session = "" } = gone;
    const label = randomUUID();
    const tokens: string[] = [];
    const call = gone.call("test_hold", { label }, { onresumptiontoken: (token) => void tokens.push(token) });
    const broken = expect(call).rejects.toThrow();
    const other = await connect(world);
    await steer(other, label, "say", "heard by the first");
    await until("the first words", () => saidTo(gone).length === 1);
    await gone.close();
    await broken;
    await steer(other, label, "say", "missed by the first");
    await steer(other, label, "end");

    const heir = await connect(world, { session });
    const answer = await heir.call("test_hold", { label }, { resumptionToken: tokens.at(-1) ?? "" });
    expect(textOf(answer)).toBe("Held until it was ended.");
    expect(saidTo(heir)).toEqual(["missed by the first"]);
    await findHeldCall(world, label);
  });

  it("is of no use to anybody else with its event ids", async () => {
    const owner = await connect(world);
    const label = randomUUID();
    const tokens: string[] = [];
    const call = owner.call("test_hold", { label }, { onresumptiontoken: (token) => void tokens.push(token) });
    await steer(owner, label, "say", "for the owner alone");
    await until("an event id", () => saidTo(owner).length === 1);
    const [first = ""] = tokens;

    const again = await connect(world);
    const deputy = await connect(world, { persona: "deputy" });
    const attempts = [
      ["deputy", deputy.session, "event_unknown"],
      ["deputy", owner.session, "session_foreign"],
      ["operator", again.session, "event_unknown"],
    ] as const;
    for (const [persona, session = "", reason] of attempts) {
      const plain = await createClient(world.gateway, "subject", await world.token(persona, "subject"));
      const headers = { "mcp-session-id": session, "mcp-protocol-version": "2025-11-25", "last-event-id": first };
      const { status, requestId, text } = await plain.send("GET", { headers });
      await plain.close();
      expect(status).toBe(404);
      expect(text).not.toContain("for the owner alone");
      const record = (await readVisits(world)).find(({ id }) => id === requestId);
      expect(record).toMatchObject({ identity: { subject: persona }, decision: { effect: "deny", reason } });
    }
    await steer(owner, label, "end");
    expect(textOf(await call)).toBe("Held until it was ended.");
  });
});

// Streams of the stateless revision are not resumable: a cut is a cancellation (2026-07-28, Cancellation).
it.each([statelessClient])("%s loses a call that is cut, and the server is told", async (_name, connect) => {
  const line = await layLine(world.gateway);
  const client = await connect(world, { http: await world.trust(line) });
  const other = await connect(world);
  const label = randomUUID();
  const giveUp = new AbortController();
  const call = client.call("test_hold", { label }, { signal: giveUp.signal });
  const lost = expect(call).rejects.toThrow();
  await steer(other, label, "await");
  line.cut();
  expect(await steer(other, label, "outcome")).toMatch(/^cancelled: /);
  giveUp.abort();
  await lost;
  line.mend();
  expect(textOf(await client.call("test_echo", { text: "anew" }))).toBe("anew");
  expect(await findHeldCall(world, label)).toMatchObject({ era: "modern", decision: { reason: "client_gone" } });
});
