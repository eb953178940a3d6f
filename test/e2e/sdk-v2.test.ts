import { ProtocolError, type VersionNegotiationMode } from "@modelcontextprotocol/client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readAudit } from "../golden/observe.ts";
import { type Persona, startWorld, type World } from "./personas.ts";
import { textOf } from "./sdk-client.ts";
import { connectV2, type V2Client } from "./sdk-client-v2.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());

function connect(persona: Persona, server: string, mode: VersionNegotiationMode = "auto"): Promise<V2Client> {
  return connectV2(world, mode, { persona, server });
}

async function refusalOf(call: Promise<unknown>): Promise<ProtocolError> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ProtocolError);
  return error as ProtocolError;
}

describe("the stateless revision", () => {
  it("is found by discovery, without a session", async () => {
    const { inner: client, http } = await connect("operator", "subject");
    expect(client.getNegotiatedProtocolVersion()).toBe("2026-07-28");
    expect(await client.discover()).toMatchObject({ supportedVersions: expect.arrayContaining(["2026-07-28"]) });
    expect(http.answers.every(({ verb }) => verb === "POST")).toBe(true);
    const records = await readAudit(world.gateway);
    const own = records.find(({ id }) => id === http.answers[0]?.requestId);
    expect(own).toMatchObject({ event: "request", era: "modern", method: "server/discover", session: null });
  });

  it("lists what a persona may call, for nobody else to keep", async () => {
    const { inner: client } = await connect("reader", "subject");
    const { tools, ...list } = await client.listTools();
    expect(tools.map(({ name }) => name).sort()).toEqual([
      "test_echo",
      "test_reconnection",
      "test_tool_with_logging",
      "test_tool_with_progress",
    ]);
    expect(list).toMatchObject({ cacheScope: "private" });
    expect((await client.listResources()).resources.map(({ uri }) => uri)).toEqual(["test://static-text"]);
    expect((await client.listPrompts()).prompts.map(({ name }) => name)).toEqual(["test_simple_prompt"]);
  });

  it("refuses with an id that finds the record", async () => {
    const { inner: client } = await connect("reader", "subject");
    const error = await refusalOf(client.callTool({ name: "test_simple_text", arguments: {} }));
    expect(error).toMatchObject({ code: 403, data: { reason: "policy_denied" } });
    const { requestId } = error.data as { requestId: string };
    const record = (await readAudit(world.gateway)).find(({ id }) => id === requestId);
    expect(record).toMatchObject({
      era: "modern",
      target: { kind: "tool", name: "test_simple_text" },
      decision: { effect: "deny", reason: "policy_denied" },
    });
  });
});

describe("a server of the 2025 revisions", () => {
  it("is found by the same client, which falls back to a session", async () => {
    const { inner: client, http, call } = await connect("reader", "everything");
    expect(client.getNegotiatedProtocolVersion()).toBe("2025-11-25");
    expect(textOf(await call("echo", { message: "as said" }))).toContain("as said");
    expect(http.answers.every(({ requestId }) => requestId !== null)).toBe(true);
  });

  it("is spoken to without a probe when the client is told so", async () => {
    const { inner: client, http } = await connect("operator", "subject", "legacy");
    expect(client.getNegotiatedProtocolVersion()).toBe("2025-11-25");
    expect((await client.listTools()).tools.length).toBeGreaterThan(10);
    const [first] = http.answers;
    const record = (await readAudit(world.gateway)).find(({ id }) => id === first?.requestId);
    expect(record).toMatchObject({ era: "legacy", method: "initialize" });
  });
});
