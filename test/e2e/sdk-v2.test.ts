import {
  Client,
  ProtocolError,
  StreamableHTTPClientTransport,
  type VersionNegotiationMode,
} from "@modelcontextprotocol/client";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { readAudit, until } from "../golden/observe.ts";
import { type Persona, startWorld, type World } from "./personas.ts";
import type { TrustingFetch } from "./sdk.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());

interface Connected {
  readonly client: Client;
  readonly http: TrustingFetch;
  readonly asked: string[];
}

/** The official client of SDK v2, over TLS, through the gateway. */
async function connect(persona: Persona, server: string, mode: VersionNegotiationMode = "auto"): Promise<Connected> {
  const http = await world.trust();
  const authorization = `Bearer ${await world.token(persona, server)}`;
  const transport = new StreamableHTTPClientTransport(world.url(server), {
    fetch: http.fetch,
    requestInit: { headers: { authorization } },
  });
  const capabilities = { sampling: {}, elicitation: { form: {} }, roots: {} };
  const client = new Client({ name: "e2e", version: "1.0.0" }, { capabilities, versionNegotiation: { mode } });
  const asked: string[] = [];
  client.setRequestHandler("elicitation/create", ({ method }) => {
    asked.push(method);
    return { action: "accept" as const, content: { name: "Ada" } };
  });
  client.setRequestHandler("sampling/createMessage", ({ method }) => {
    asked.push(method);
    return { model: "m", role: "assistant" as const, content: { type: "text" as const, text: "Paris" } };
  });
  await client.connect(transport);
  onTestFinished(() => client.close());
  return { client, http, asked };
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
    const { client, http } = await connect("operator", "subject");
    expect(client.getNegotiatedProtocolVersion()).toBe("2026-07-28");
    expect(await client.discover()).toMatchObject({ supportedVersions: expect.arrayContaining(["2026-07-28"]) });
    expect(http.answers.every(({ verb }) => verb === "POST")).toBe(true);
    const records = await readAudit(world.gateway);
    const own = records.find(({ id }) => id === http.answers[0]?.requestId);
    expect(own).toMatchObject({ event: "request", era: "modern", method: "server/discover", session: null });
  });

  it("lists what a persona may call, for nobody else to keep", async () => {
    const { client } = await connect("reader", "subject");
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

  it("calls, with progress before the answer", async () => {
    const { client } = await connect("reader", "subject");
    const order: string[] = [];
    const onprogress = () => void order.push("progress");
    const result = await client.callTool({ name: "test_tool_with_progress", arguments: {} }, { onprogress });
    order.push("answer");
    expect(result.isError).not.toBe(true);
    expect(order).toEqual(["progress", "progress", "progress", "answer"]);
  });

  it("refuses with an id that finds the record", async () => {
    const { client } = await connect("reader", "subject");
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

  it("acknowledges subscriptions and delivers what they are for", async () => {
    const { client } = await connect("operator", "subject");
    const heard: string[] = [];
    client.setNotificationHandler("notifications/tools/list_changed", () => void heard.push("tools"));
    client.setNotificationHandler("notifications/resources/updated", ({ params }) => void heard.push(params.uri));
    const subscription = await client.listen({
      toolsListChanged: true,
      resourceSubscriptions: ["test://watched-resource"],
    });
    expect(subscription.honoredFilter).toMatchObject({ toolsListChanged: true });
    const other = await connect("operator", "subject");
    await other.client.callTool({ name: "test_trigger_tool_change", arguments: {} });
    await other.client.callTool({
      name: "test_trigger_resource_update",
      arguments: { uri: "test://watched-resource" },
    });
    await until(
      "both notifications",
      () => (heard.includes("tools") && heard.includes("test://watched-resource")) || undefined,
    );
    await subscription.close();
    expect(await subscription.closed).toBe("local");
  });

  it("refuses a subscription to what may not be read", async () => {
    const { client } = await connect("reader", "subject");
    const attempt = client.listen({ resourceSubscriptions: ["test://watched-resource"] });
    expect(await refusalOf(attempt)).toMatchObject({ code: 403, data: { reason: "policy_denied" } });
  });

  it.each([
    ["test_input_required_result_elicitation", "elicitation/create", "Hello, Ada!"],
    ["test_input_required_result_sampling", "sampling/createMessage", "Paris"],
  ])("lets a result ask the client where it may: %s", async (name, method, expected) => {
    const { client, asked } = await connect("operator", "subject");
    const { content } = await client.callTool({ name, arguments: {} });
    expect(asked).toEqual([method]);
    expect(JSON.stringify(content)).toContain(expected);
  });

  it("keeps a result that asks what it may not from the client", async () => {
    const { client, asked } = await connect("operator", "subject-mute");
    const attempt = client.callTool({ name: "test_input_required_result_elicitation", arguments: {} });
    expect(await refusalOf(attempt)).toMatchObject({ code: 403, data: { reason: "client_request_denied" } });
    expect(asked).toEqual([]);
  });
});

describe("a server of the 2025 revisions", () => {
  it("is found by the same client, which falls back to a session", async () => {
    const { client, http } = await connect("reader", "everything");
    expect(client.getNegotiatedProtocolVersion()).toBe("2025-11-25");
    const { content } = await client.callTool({ name: "echo", arguments: { message: "as said" } });
    expect(JSON.stringify(content)).toContain("as said");
    expect(http.answers.every(({ requestId }) => requestId !== null)).toBe(true);
  });

  it("is spoken to without a probe when the client is told so", async () => {
    const { client, http } = await connect("operator", "subject", "legacy");
    expect(client.getNegotiatedProtocolVersion()).toBe("2025-11-25");
    expect((await client.listTools()).tools.length).toBeGreaterThan(10);
    const [first] = http.answers;
    const record = (await readAudit(world.gateway)).find(({ id }) => id === first?.requestId);
    expect(record).toMatchObject({ era: "legacy", method: "initialize" });
  });
});
