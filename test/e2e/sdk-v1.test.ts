import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import {
  type CallToolResult,
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  McpError,
  ResourceUpdatedNotificationSchema,
  ToolListChangedNotificationSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { startChild } from "../fixtures/child.ts";
import { readAudit, until } from "../golden/observe.ts";
import { createClient } from "./http.ts";
import { type Persona, startWorld, type World } from "./personas.ts";
import type { TrustingFetch } from "./sdk.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());

interface Connected {
  readonly client: Client;
  readonly transport: StreamableHTTPClientTransport;
  readonly http: TrustingFetch;
  /** What the server asked the client, by method. */
  readonly asked: string[];
}

/** The official client of SDK v1, over TLS, through the gateway. */
async function connect(persona: Persona, server: string): Promise<Connected> {
  const http = await world.trust();
  const authorization = `Bearer ${await world.token(persona, server)}`;
  const transport = new StreamableHTTPClientTransport(world.url(server), {
    fetch: http.fetch,
    requestInit: { headers: { authorization } },
  });
  const client = new Client(
    { name: "e2e", version: "1.0.0" },
    { capabilities: { sampling: {}, elicitation: { form: {} }, roots: {} } },
  );
  const asked: string[] = [];
  client.setRequestHandler(ElicitRequestSchema, ({ method }) => {
    asked.push(method);
    return { action: "accept", content: { response: "by the user", name: "Ada" } };
  });
  client.setRequestHandler(CreateMessageRequestSchema, ({ method }) => {
    asked.push(method);
    return { model: "m", role: "assistant", content: { type: "text", text: "by the model" } };
  });
  client.setRequestHandler(ListRootsRequestSchema, ({ method }) => {
    asked.push(method);
    return { roots: [{ uri: "file:///by-the-client", name: "root" }] };
  });
  // The SDK's own types disagree about undefined under exactOptionalPropertyTypes.
  await client.connect(transport as Parameters<Client["connect"]>[0]);
  onTestFinished(() => client.close());
  return { client, transport, http, asked };
}

function textOf(result: unknown): string {
  const { content } = result as CallToolResult;
  return content.map((block) => (block.type === "text" ? block.text : "")).join("\n");
}

async function refusalOf(call: Promise<unknown>): Promise<McpError> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(McpError);
  return error as McpError;
}

async function findRecord(error: McpError) {
  const { requestId } = error.data as { requestId: string };
  return (await readAudit(world.gateway)).find(({ id }) => id === requestId);
}

describe("lists show a persona what it may call, and nothing else", () => {
  it.each([
    [
      "everything",
      ["echo", "get-sum", "trigger-long-running-operation"],
      ["demo://resource/static/document/features.md"],
      ["simple-prompt"],
      [],
    ],
    [
      "subject",
      ["test_echo", "test_reconnection", "test_tool_with_logging", "test_tool_with_progress"],
      ["test://static-text"],
      ["test_simple_prompt"],
      ["test://template/{id}/data"],
    ],
  ])("%s", async (server, tools, resources, prompts, templates) => {
    const { client } = await connect("reader", server);
    expect((await client.listTools()).tools.map(({ name }) => name).sort()).toEqual(tools);
    expect((await client.listResources()).resources.map(({ uri }) => uri)).toEqual(resources);
    expect((await client.listPrompts()).prompts.map(({ name }) => name)).toEqual(prompts);
    expect((await client.listResourceTemplates()).resourceTemplates.map(({ uriTemplate }) => uriTemplate)).toEqual(
      templates,
    );

    const operator = await connect("operator", server);
    const all = (await operator.client.listTools()).tools.map(({ name }) => name);
    expect(all.length).toBeGreaterThan(tools.length);
    expect(all).toEqual(expect.arrayContaining(tools));
  });

  it("page by page, with the server's own cursors", async () => {
    const { client } = await connect("reader", "paged");
    const seen: [string[], string | undefined][] = [];
    let cursor: string | undefined;
    do {
      const page = await client.listTools(cursor === undefined ? {} : { cursor });
      cursor = page.nextCursor;
      seen.push([page.tools.map(({ name }) => name), cursor]);
    } while (cursor !== undefined);
    expect(seen).toEqual([
      [["visible-1"], "second"],
      [[], "third"],
      [["visible-2"], undefined],
    ]);
  });
});

describe("calls", () => {
  it("that are allowed are answered", async () => {
    const { client } = await connect("reader", "everything");
    expect(textOf(await client.callTool({ name: "echo", arguments: { message: "as said" } }))).toContain("as said");
    const { contents } = await client.readResource({ uri: "demo://resource/static/document/features.md" });
    expect(contents).toHaveLength(1);
    expect((await client.getPrompt({ name: "simple-prompt" })).messages.length).toBeGreaterThan(0);
  });

  it.each([
    ["everything", "trigger-long-running-operation", { duration: 0.2, steps: 4 }, 4],
    ["subject", "test_tool_with_progress", {}, 3],
  ])("of %s report progress before their answer", async (server, name, args, steps) => {
    const { client } = await connect("reader", server);
    const order: string[] = [];
    const onprogress = ({ progress }: { progress: number }) => void order.push(`progress ${progress}`);
    const result = await client.callTool({ name, arguments: args }, undefined, { onprogress });
    order.push("answer");
    expect(result.isError).not.toBe(true);
    expect(order).toHaveLength(steps + 1);
    expect(order.at(-1)).toBe("answer");
  });

  it.each<[string, string, (client: Client) => Promise<unknown>, object]>([
    [
      "a tool",
      "everything",
      (client) => client.callTool({ name: "get-env" }),
      { method: "tools/call", target: { kind: "tool", name: "get-env" } },
    ],
    [
      "a resource",
      "subject",
      (client) => client.readResource({ uri: "test://static-binary" }),
      { method: "resources/read", target: { kind: "resource", name: "test://static-binary" } },
    ],
    [
      "a prompt",
      "subject",
      (client) => client.getPrompt({ name: "test_prompt_with_image" }),
      { method: "prompts/get", target: { kind: "prompt", name: "test_prompt_with_image" } },
    ],
    [
      "a subscription",
      "subject",
      (client) => client.subscribeResource({ uri: "test://watched-resource" }),
      { method: "resources/subscribe" },
    ],
    [
      "a completion",
      "subject",
      (client) =>
        client.complete({
          ref: { type: "ref/prompt", name: "test_prompt_with_arguments" },
          argument: { name: "arg1", value: "te" },
        }),
      { method: "completion/complete" },
    ],
  ])("of %s that is forbidden fail with an id that finds the record", async (_case, server, attempt, expected) => {
    const { client } = await connect("reader", server);
    const error = await refusalOf(attempt(client));
    expect(error.code).toBe(403);
    expect(error.data).toMatchObject({ reason: "policy_denied" });
    expect(await findRecord(error)).toMatchObject({
      event: "request",
      server,
      identity: { subject: "reader", groups: ["readers"] },
      decision: { effect: "deny", reason: "policy_denied" },
      outcome: { http: 200, rpc: 403, upstream: null },
      ...expected,
    });
    expect((await client.ping()) as object).toEqual({});
  });
});

describe("requests of the server to the client", () => {
  it.each([
    ["everything", "trigger-elicitation-request", {}, "elicitation/create", "Ada"],
    ["everything", "trigger-sampling-request", { prompt: "?", maxTokens: 5 }, "sampling/createMessage", "by the model"],
    ["everything", "get-roots-list", {}, "roots/list", "file:///by-the-client"],
    ["subject", "test_elicitation", { message: "?" }, "elicitation/create", "by the user"],
    ["subject", "test_sampling", { prompt: "?" }, "sampling/createMessage", "by the model"],
  ])("of %s reach the client where they may: %s", async (server, name, args, method, expected) => {
    const { client, asked } = await connect("operator", server);
    const listed = async () => (await client.listTools()).tools.some((tool) => tool.name === name) || undefined;
    await until(`${name} to be offered`, listed);
    // This server asks for roots once by itself, and loses its request when the client's stream is not open yet.
    if (method === "roots/list") await until("the server to have asked", () => asked.includes(method) || undefined);
    expect(textOf(await client.callTool({ name, arguments: args }))).toContain(expected);
    expect(asked).toContain(method);
    const records = (await readAudit(world.gateway)).filter(
      ({ event, server: at }) => event === "server_request" && at === server,
    );
    expect(records.at(-1)).toMatchObject({ method, identity: { subject: "operator" }, decision: { effect: "allow" } });
  });

  it.each([
    ["test_elicitation", { message: "?" }, "elicitation/create"],
    ["test_sampling", { prompt: "?" }, "sampling/createMessage"],
  ])("are refused where they may not, and the server is told: %s", async (name, args, method) => {
    const { client, asked } = await connect("operator", "subject-mute");
    const outcome = await client.callTool({ name, arguments: args }).then(
      (result) => ({ failed: result.isError === true }),
      () => ({ failed: true }),
    );
    expect(outcome).toEqual({ failed: true });
    expect(asked).toEqual([]);
    const records = (await readAudit(world.gateway)).filter(
      ({ event, server }) => event === "server_request" && server === "subject-mute",
    );
    expect(records.at(-1)).toMatchObject({ method, decision: { effect: "deny", reason: "client_request_denied" } });
  });
});

describe("sessions", () => {
  it("hear what the server announces on their stream", async () => {
    const listener = await connect("operator", "subject");
    const heard: string[] = [];
    listener.client.setNotificationHandler(ToolListChangedNotificationSchema, () => void heard.push("tools"));
    listener.client.setNotificationHandler(
      ResourceUpdatedNotificationSchema,
      ({ params }) => void heard.push(params.uri),
    );
    await listener.client.subscribeResource({ uri: "test://watched-resource" });
    await until(
      "the stream",
      () => listener.http.answers.some(({ verb, status }) => verb === "GET" && status === 200) || undefined,
    );
    await listener.client.callTool({ name: "test_trigger_tool_change" });
    await listener.client.callTool({
      name: "test_trigger_resource_update",
      arguments: { uri: "test://watched-resource" },
    });
    await until(
      "both notifications",
      () => (heard.includes("tools") && heard.includes("test://watched-resource")) || undefined,
    );
  });

  it("never show the id that the server knows", async () => {
    const { transport } = await connect("operator", "subject");
    expect(transport.sessionId).not.toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-/);
  });

  it("end with DELETE", async () => {
    const { client, transport } = await connect("operator", "subject");
    const id = transport.sessionId ?? "";
    const plain = await createClient(world.gateway, "subject", await world.token("operator", "subject"));
    onTestFinished(() => plain.close());
    const headers = { "mcp-session-id": id, "mcp-protocol-version": "2025-11-25" };
    const ping = { id: 1, method: "ping" };
    expect(await plain.post(ping, headers)).toMatchObject({ status: 200, message: { result: {} } });
    await transport.terminateSession();
    const after = await plain.post(ping, headers);
    expect(after).toMatchObject({ status: 404, message: { error: { data: { reason: "session_unknown" } } } });
    await client.close();
  });

  it("of someone else are not found, for any verb", async () => {
    const { transport, client } = await connect("operator", "subject");
    const plain = await createClient(world.gateway, "subject", await world.token("reader", "subject"));
    onTestFinished(() => plain.close());
    const headers = { "mcp-session-id": transport.sessionId ?? "", "mcp-protocol-version": "2025-11-25" };
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" });
    const answers = [
      await plain.send("POST", { headers, body }),
      await plain.send("GET", { headers }),
      await plain.send("DELETE", { headers }),
    ];
    for (const { status, requestId } of answers) {
      expect(status).toBe(404);
      const record = (await readAudit(world.gateway)).find(({ id }) => id === requestId);
      expect(record).toMatchObject({
        identity: { subject: "reader" },
        decision: { effect: "deny", reason: "session_foreign" },
      });
    }
    await client.ping();
  });

  it("survive a stream that the server closes: the answer comes on the one that resumes it", async () => {
    const { client } = await connect("reader", "subject");
    expect(textOf(await client.callTool({ name: "test_reconnection" }))).toContain("after the stream was closed");
  });

  it("survive the death of the gateway", async () => {
    const { client, transport } = await connect("operator", "subject");
    const id = transport.sessionId;
    const { gateway } = world;
    const exited = new Promise((resolve) => gateway.child.once("exit", resolve));
    gateway.child.kill("SIGKILL");
    await exited;
    const again = await startChild(["bin/sallyport.js", "serve", "-c", gateway.configFile]);
    onTestFinished(async () => void (await again.stop()));
    expect(textOf(await client.callTool({ name: "test_echo", arguments: { text: "still here" } }))).toBe("still here");
    expect(transport.sessionId).toBe(id);
  });
});
