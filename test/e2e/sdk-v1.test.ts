import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import type { McpError } from "@modelcontextprotocol/sdk/types.js";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { startChild } from "../fixtures/child.ts";
import { readAudit, until } from "../golden/observe.ts";
import { createClient } from "./http.ts";
import { type Persona, startWorld, type World } from "./personas.ts";
import { textOf } from "./sdk-client.ts";
import { connectV1, type V1Client } from "./sdk-client-v1.ts";
import { refusalOf } from "./sdk-refusal.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());

function connect(persona: Persona, server: string): Promise<V1Client> {
  return connectV1(world, { persona, server });
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
    const { inner: client } = await connect("reader", server);
    expect((await client.listTools()).tools.map(({ name }) => name).sort()).toEqual(tools);
    expect((await client.listResources()).resources.map(({ uri }) => uri)).toEqual(resources);
    expect((await client.listPrompts()).prompts.map(({ name }) => name)).toEqual(prompts);
    expect((await client.listResourceTemplates()).resourceTemplates.map(({ uriTemplate }) => uriTemplate)).toEqual(
      templates,
    );

    const operator = await connect("operator", server);
    const all = (await operator.inner.listTools()).tools.map(({ name }) => name);
    expect(all.length).toBeGreaterThan(tools.length);
    expect(all).toEqual(expect.arrayContaining(tools));
  });

  it("page by page, without the names that the server has for them", async () => {
    const { inner: client } = await connect("reader", "paged");
    const seen: string[][] = [];
    const cursors: string[] = [];
    for (let cursor: string | undefined = ""; cursor !== undefined; ) {
      const page = await client.listTools(cursor === "" ? {} : { cursor });
      cursor = page.nextCursor;
      seen.push(page.tools.map(({ name }) => name));
      if (cursor !== undefined) cursors.push(cursor);
    }
    expect(seen).toEqual([["visible-1"], [], ["visible-2"]]);
    // A reader who knew them could go straight to a page, and learn that there is one (here: second and third).
    expect(cursors.join()).not.toMatch(/second|third/);
  });
});

describe("calls", () => {
  it("that are allowed are answered", async () => {
    const { inner: client, call } = await connect("reader", "everything");
    expect(textOf(await call("echo", { message: "as said" }))).toContain("as said");
    const { contents } = await client.readResource({ uri: "demo://resource/static/document/features.md" });
    expect(contents).toHaveLength(1);
    expect((await client.getPrompt({ name: "simple-prompt" })).messages.length).toBeGreaterThan(0);
  });

  it.each([
    ["everything", "trigger-long-running-operation", { duration: 0.2, steps: 4 }, 4],
    ["subject", "test_tool_with_progress", {}, 3],
  ])("of %s report progress before their answer", async (server, name, args, steps) => {
    const { call } = await connect("reader", server);
    const order: string[] = [];
    const onprogress = ({ progress }: { progress: number }) => void order.push(`progress ${progress}`);
    const result = await call(name, args, { onprogress });
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
    const { inner: client } = await connect("reader", server);
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

// The subject's own questions are in sdk-asking.test.ts; this server is of SDK v1, and asks in between.
describe("the official server asks the client where it may", () => {
  it.each([
    ["trigger-elicitation-request", {}, "elicitation/create", "Ada"],
    ["trigger-sampling-request", { prompt: "?", maxTokens: 5 }, "sampling/createMessage", "by the model"],
    ["get-roots-list", {}, "roots/list", "file:///by-the-client"],
  ])("%s", async (name, args, method, expected) => {
    const { inner, asked, call } = await connect("operator", "everything");
    const wasAsked = () => asked.some((question) => question.method === method);
    await until(`${name} to be offered`, async () =>
      (await inner.listTools()).tools.some((tool) => tool.name === name),
    );
    // This server asks for roots once by itself, and loses its request when the client's stream is not open yet.
    if (method === "roots/list") await until("the server to have asked", wasAsked);
    expect(textOf(await call(name, args))).toContain(expected);
    expect(wasAsked()).toBe(true);
    // It may ask something of its own meanwhile.
    const record = (await readAudit(world.gateway)).findLast(
      (found) => found.event === "server_request" && found.server === "everything" && found.method === method,
    );
    expect(record).toMatchObject({ method, identity: { subject: "operator" }, decision: { effect: "allow" } });
  });
});

describe("sessions", () => {
  it("never show the id that the server knows", async () => {
    const { transport } = await connect("operator", "subject");
    expect(transport.sessionId).not.toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-/);
  });

  it("end with DELETE", async () => {
    const { inner: client, transport } = await connect("operator", "subject");
    const id = transport.sessionId ?? "";
    const plain = await createClient(world.gateway, "subject", await world.token("operator", "subject"));
    onTestFinished(() => plain.close());
    const headers = { "mcp-session-id": id, "mcp-protocol-version": "2025-11-25" };
    const ping = { id: 1, method: "ping" };
    expect(await plain.post(ping, headers)).toMatchObject({ status: 200, message: { result: {} } });
    await transport.terminateSession();
    const after = await plain.post(ping, headers);
    expect(after).toMatchObject({ status: 404, message: { error: { data: { reason: "session_revoked" } } } });
    await client.close();
  });

  it("of someone else are not found, for any verb", async () => {
    const { transport, inner: client } = await connect("operator", "subject");
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
    const { call } = await connect("reader", "subject");
    expect(textOf(await call("test_reconnection"))).toContain("after the stream was closed");
  });

  it("survive the death of the gateway", async () => {
    const { call, transport } = await connect("operator", "subject");
    const id = transport.sessionId;
    const { gateway } = world;
    const exited = new Promise((resolve) => gateway.child.once("exit", resolve));
    gateway.child.kill("SIGKILL");
    await exited;
    const again = await startChild(["bin/sallyport.js", "serve", "-c", gateway.configFile]);
    onTestFinished(async () => void (await again.stop()));
    expect(textOf(await call("test_echo", { text: "still here" }))).toBe("still here");
    expect(transport.sessionId).toBe(id);
  });
});
