import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import {
  CallToolResultSchema,
  CreateTaskResultSchema,
  ElicitRequestSchema,
  type McpError,
  type Task,
  TaskStatusNotificationSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { type Gateway, startGateway } from "../fixtures/gateway.ts";
import type { RecorderHandler } from "../fixtures/recorder.ts";
import { startTasksServer, type TasksServer } from "../fixtures/tasks-server.ts";
import { readAudit, until } from "../golden/observe.ts";
import { initialize } from "./http.ts";
import { trustGateway } from "./sdk.ts";
import { refusalOf } from "./sdk-refusal.ts";
import { hangUp, set, withSessions } from "./setting.ts";

const policyYaml = `version: 1
roles:
  worker: { allow: [{ id: work, server: "*", tools: [work, ask] }] }
bindings:
  - { roles: [worker], groups: [workers] }
`;
const workersOf = (server: string, tools: string) =>
  policyYaml.replace('"*"', server).replace("[work, ask]", tools).replace("groups: [workers]", "issuers: [builtin]");
const relatedTask = "io.modelcontextprotocol/related-task";

let server: TasksServer;
let gateway: Gateway;
const tokens = new Map<string, Promise<string>>();
beforeAll(async () => {
  server = await startTasksServer();
  const mute = { url: server.url };
  gateway = await startGateway({ servers: { tasks: server.url, mute }, policyYaml });
});
afterAll(async () => {
  await gateway.stop();
  await server.stop();
});

interface Worker {
  readonly client: Client;
  /** Tasks whose status it was told, by the ids it was told. */
  readonly told: Task[];
  /** Tasks that the questions it was asked belong to. */
  readonly asked: unknown[];
  /** Begins a task, and gives the handle the client knows it by and the id the server has for it. */
  begin(tool: string, label?: string): Promise<{ handle: string; own: string }>;
}

async function connect(subject: "ada" | "bob", name = "tasks"): Promise<Worker> {
  const key = `${subject}@${name}`;
  const token = tokens.get(key) ?? gateway.mint({ server: name, subject, groups: ["workers"] });
  tokens.set(key, token);
  const http = await trustGateway(gateway);
  onTestFinished(() => http.close());
  const transport = new StreamableHTTPClientTransport(new URL(`${gateway.publicUrl}/${name}/mcp`), {
    fetch: http.fetch,
    requestInit: { headers: { authorization: `Bearer ${await token}` } },
  });
  const client = new Client(
    { name: "e2e", version: "1" },
    { capabilities: { elicitation: { form: {} } }, defaultTaskPollInterval: 20 },
  );
  const told: Task[] = [];
  const asked: unknown[] = [];
  client.setNotificationHandler(TaskStatusNotificationSchema, ({ params }) => void told.push(params));
  client.setRequestHandler(ElicitRequestSchema, ({ params }) => {
    const related = params._meta?.[relatedTask];
    asked.push(related?.taskId);
    return { action: "accept", content: { name: "Ada" }, _meta: { [relatedTask]: related } };
  });
  // The SDK's own types disagree about undefined under exactOptionalPropertyTypes.
  await client.connect(transport as Parameters<Client["connect"]>[0]);
  onTestFinished(() => client.close());
  await http.answered(({ verb, status }) => verb === "GET" && status === 200);
  return {
    client,
    told,
    asked,
    async begin(tool, label = "") {
      const known = new Set(server.tasks().map(({ taskId }) => taskId));
      const params = { name: tool, arguments: { label } };
      const { task } = await client.request({ method: "tools/call", params }, CreateTaskResultSchema, { task: {} });
      const [begun, ...more] = server.tasks().filter(({ taskId }) => !known.has(taskId));
      expect(more).toEqual([]);
      return { handle: task.taskId, own: String(begun?.taskId) };
    },
  };
}

async function findRecord(error: McpError) {
  const { requestId } = error.data as { requestId: string };
  return (await readAudit(gateway)).find(({ id }) => id === requestId);
}

/** What the server got by a method, newest last. */
function seen(method: string) {
  return server.requests.filter(({ message }) => message.method === method).map(({ message }) => message.params);
}

describe("a task of 2025-11-25", () => {
  it("is begun, asked about and completed; client and server know it by different ids", async () => {
    const { client, begin } = await connect("ada");
    const { tasks } = client.experimental;
    const { handle, own } = await begin("work");
    expect(handle).not.toContain(own);
    expect(await tasks.getTask(handle)).toMatchObject({ taskId: handle, status: "working", ttl: 600_000 });
    const result = tasks.getTaskResult(handle, CallToolResultSchema);
    await until("the question for the result", () => seen("tasks/result").some((params) => params?.taskId === own));
    await server.complete(own, "done");
    expect(await result).toEqual({
      content: [{ type: "text", text: "done" }],
      _meta: { [relatedTask]: { taskId: handle } },
    });
    expect(await tasks.getTask(handle)).toMatchObject({ taskId: handle, status: "completed" });
    expect(seen("tasks/get").at(-1)).toMatchObject({ taskId: own });
  });

  it("is driven to its end by the SDK's own loop", async () => {
    const { client } = await connect("ada");
    // It takes a tool for one with tasks only where a list said so.
    await client.listTools();
    const steps: string[] = [];
    const stream = client.experimental.tasks.callToolStream({ name: "ask", arguments: { label: "it" } });
    for await (const message of stream) {
      steps.push(message.type);
      if (message.type === "result") expect(message.result.content).toMatchObject([{ text: 'accept {"name":"Ada"}' }]);
      if (message.type === "error") throw message.error;
    }
    expect(steps.at(0)).toBe("taskCreated");
    expect(steps.at(-1)).toBe("result");
  });

  it("is cancelled once, at the server", async () => {
    const { client, begin } = await connect("ada");
    const { tasks } = client.experimental;
    const { handle, own } = await begin("work");
    expect(await tasks.cancelTask(handle)).toMatchObject({ taskId: handle, status: "cancelled" });
    expect(server.tasks().find(({ taskId }) => taskId === own)?.status).toBe("cancelled");
    const again = await refusalOf(tasks.cancelTask(handle));
    expect(again.code).toBe(-32_602);
    expect(again.message).toContain("terminal status");
  });

  it("is the same one in every session of its owner", async () => {
    const first = await connect("ada");
    const { handle, own } = await first.begin("work");
    await first.client.close();
    const second = await connect("ada");
    expect(await second.client.experimental.tasks.getTask(handle)).toMatchObject({ taskId: handle });
    await server.complete(own, "later");
    expect(await second.client.experimental.tasks.getTaskResult(handle, CallToolResultSchema)).toMatchObject({
      content: [{ text: "later" }],
    });
  });
});

describe("a task of somebody else", () => {
  const attempts: [string, (client: Client, handle: string) => Promise<unknown>][] = [
    ["tasks/get", (client, handle) => client.experimental.tasks.getTask(handle)],
    ["tasks/result", (client, handle) => client.experimental.tasks.getTaskResult(handle, CallToolResultSchema)],
    ["tasks/cancel", (client, handle) => client.experimental.tasks.cancelTask(handle)],
  ];

  it.each(attempts)("is not there for %s, by its handle as little as by the server's id", async (method, attempt) => {
    const ada = await connect("ada");
    const bob = await connect("bob");
    const { handle, own } = await ada.begin("work");
    const forwarded = server.requests.length;
    for (const id of [handle, own, `${handle}x`, "", `${handle.split(".")[0]}.`]) {
      const error = await refusalOf(attempt(bob.client, id));
      expect(error).toMatchObject({ code: -32_602, data: { reason: "task_unknown" } });
      expect(await findRecord(error)).toMatchObject({
        event: "request",
        method,
        identity: { subject: "bob" },
        decision: { effect: "deny", reason: "task_unknown" },
        outcome: { rpc: -32_602, upstream: null },
      });
    }
    // Its own owner has to go by the handle, too.
    await refusalOf(attempt(ada.client, own));
    expect(server.requests.slice(forwarded).filter(({ message }) => message.method === method)).toEqual([]);
    expect(server.tasks().find(({ taskId }) => taskId === own)?.status).toBe("working");
  });

  it("takes no request of others for a part of it: what they are answered would be said to its owner", async () => {
    const ada = await connect("ada");
    const bob = await connect("bob");
    const { handle, own } = await ada.begin("work");
    const forwarded = server.requests.length;
    for (const taskId of [handle, own]) {
      const params = { name: "ask", arguments: {}, _meta: { [relatedTask]: { taskId } } };
      const call = bob.client.request({ method: "tools/call", params }, CreateTaskResultSchema, { task: {} });
      const error = await refusalOf(call);
      expect(error).toMatchObject({ code: -32_602, data: { reason: "task_unknown" } });
      expect(await findRecord(error)).toMatchObject({
        identity: { subject: "bob" },
        target: { kind: "tool", name: "ask" },
        decision: { effect: "deny", reason: "task_unknown" },
        outcome: { upstream: null },
      });
    }
    expect(server.requests.slice(forwarded).filter(({ message }) => message.method === "tools/call")).toEqual([]);
  });

  it("is not there at another server, though that is the same process", async () => {
    const ada = await connect("ada");
    const elsewhere = await connect("ada", "mute");
    const { handle } = await ada.begin("work");
    const error = await refusalOf(elsewhere.client.experimental.tasks.getTask(handle));
    expect(error).toMatchObject({ data: { reason: "task_unknown" } });
  });

  it("is not in the list", async () => {
    const ada = await connect("ada");
    const bob = await connect("bob");
    const [hers, his] = [await ada.begin("work"), await bob.begin("work")];
    const [listedToAda, listedToBob] = [await listAll(ada.client), await listAll(bob.client)];
    expect(listedToAda).toContain(hers.handle);
    expect(listedToBob).toContain(his.handle);
    expect(listedToAda.filter((handle) => listedToBob.includes(handle))).toEqual([]);
    const all = server.tasks().map(({ taskId }) => taskId);
    expect(all).toEqual(expect.arrayContaining([hers.own, his.own]));
    expect([...listedToAda, ...listedToBob].filter((handle) => all.includes(handle))).toEqual([]);
  });

  it("is not told of", async () => {
    const ada = await connect("ada");
    const bob = await connect("bob");
    const [hers, his] = [await ada.begin("work"), await bob.begin("work")];
    await server.complete(his.own, "his");
    await server.complete(hers.own, "hers");
    await until("her news", () => ada.told.length > 0);
    await until("his news", () => bob.told.length > 0);
    expect(ada.told).toMatchObject([{ taskId: hers.handle, status: "completed" }]);
    expect(bob.told).toMatchObject([{ taskId: his.handle, status: "completed" }]);
  });
});

/** Handles of all tasks on all pages. */
async function listAll(client: Client): Promise<string[]> {
  const handles: string[] = [];
  for (let cursor: string | undefined = ""; cursor !== undefined; ) {
    const page = await client.experimental.tasks.listTasks(cursor === "" ? undefined : cursor);
    handles.push(...page.tasks.map(({ taskId }) => taskId));
    cursor = page.nextCursor;
  }
  return handles;
}

describe("the list of tasks", () => {
  it("goes on over pages whose cursors the client can neither read nor share", async () => {
    const ada = await connect("ada");
    const bob = await connect("bob");
    const begun: { handle: string; own: string }[] = [];
    while (begun.length < 12) begun.push(await ada.begin("work"));
    const { nextCursor = "" } = await ada.client.experimental.tasks.listTasks();
    // This server names the last task of the page, which may be anybody's.
    expect(server.tasks().some(({ taskId }) => nextCursor.includes(taskId))).toBe(false);
    expect(await listAll(ada.client)).toEqual(expect.arrayContaining(begun.map(({ handle }) => handle)));
    const error = await refusalOf(bob.client.experimental.tasks.listTasks(nextCursor));
    expect(error).toMatchObject({ data: { reason: "cursor_unknown" } });
    const guessed = await refusalOf(bob.client.experimental.tasks.listTasks(begun[0]?.own));
    expect(guessed).toMatchObject({ data: { reason: "cursor_unknown" } });
  });
});

describe("a question during a task", () => {
  it("comes while the result is awaited; each side reads the id that it knows", async () => {
    const { client, begin, asked } = await connect("ada");
    const { handle, own } = await begin("ask", "it");
    await until("the question", async () => {
      const { status } = await client.experimental.tasks.getTask(handle);
      return status === "input_required";
    });
    const result = await client.experimental.tasks.getTaskResult(handle, CallToolResultSchema);
    expect(result.content).toMatchObject([{ text: 'accept {"name":"Ada"}' }]);
    expect(asked).toEqual([handle]);
    const answers = server.requests.map(({ message }) => message.result).filter((answer) => answer !== undefined);
    expect(answers.at(-1)).toEqual({
      action: "accept",
      content: { name: "Ada" },
      _meta: { [relatedTask]: { taskId: own } },
    });
    const records = (await readAudit(gateway)).filter(({ event }) => event === "server_request");
    expect(records.at(-1)).toMatchObject({
      method: "elicitation/create",
      identity: { subject: "ada" },
      decision: { effect: "allow" },
    });
  });

  it("is refused where the server may not ask, and the task goes on without", async () => {
    const { client, begin, asked } = await connect("ada", "mute");
    const { handle } = await begin("ask", "it");
    const result = await client.experimental.tasks.getTaskResult(handle, CallToolResultSchema);
    expect(result.content).toMatchObject([{ text: expect.stringMatching(/^not answered: .*does not let/) }]);
    expect(asked).toEqual([]);
  });
});

describe("a tool that policy takes away", () => {
  it("takes its tasks along", async () => {
    const own = await startGateway({ servers: { tasks: server.url }, policyYaml });
    onTestFinished(async () => void (await own.stop()));
    const before = gateway;
    gateway = own;
    tokens.clear();
    onTestFinished(() => {
      gateway = before;
      tokens.clear();
    });
    const { client, begin, told } = await connect("ada");
    const { tasks } = client.experimental;
    const lost = await begin("work");
    const kept = await begin("ask");
    await writeFile(join(own.directory, "policies", "all.yaml"), policyYaml.replace("[work, ask]", "[ask]"));
    expect(await hangUp(own)).toMatchObject({ successful: true });

    for (const attempt of [() => tasks.getTask(lost.handle), () => tasks.cancelTask(lost.handle)]) {
      const error = await refusalOf(attempt());
      expect(error).toMatchObject({ code: 403, data: { reason: "policy_denied" } });
      expect(await findRecord(error)).toMatchObject({
        decision: { effect: "deny", reason: "policy_denied", detail: expect.stringContaining("tool work") },
        outcome: { upstream: null },
      });
    }
    const listed = await listAll(client);
    expect(listed).toContain(kept.handle);
    expect(listed).not.toContain(lost.handle);
    expect(await tasks.getTask(kept.handle)).toMatchObject({ taskId: kept.handle });
    await server.complete(lost.own, "not for her any more");
    await server.complete(kept.own, "still hers");
    await until("the news", () => told.some(({ taskId, status }) => taskId === kept.handle && status === "completed"));
    expect(told.map(({ taskId }) => taskId)).not.toContain(lost.handle);
  });

  it("takes their results along that were still to come on a stream", async () => {
    const handler: RecorderHandler = (request, body, response) => {
      const { id, method } = JSON.parse(body.toString() || "{}");
      if (method === "initialize") return withSessions(request, body, response);
      const task = { taskId: "t1", status: "working", createdAt: "", lastUpdatedAt: "", ttl: null };
      const result = method === "tools/call" ? { task } : { content: [{ type: "text", text: "the result" }] };
      const answer = `data: ${JSON.stringify({ jsonrpc: "2.0", id: id ?? 3, result })}\n\n`;
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.end(method === "tasks/result" ? "id: 1\ndata:\n\n" : answer);
    };
    const { gateway: own, client, recorder } = await set({ handler, policyYaml: workersOf("alpha", "[work, ask]") });
    const { session = "" } = await client.post(initialize);
    const headers = { "mcp-session-id": session, "mcp-protocol-version": "2025-11-25" };
    const params = { name: "work", arguments: {}, task: {} };
    const { message } = await client.post({ id: 2, method: "tools/call", params }, headers);
    const { taskId } = (message.result as { task: Task }).task;
    const { text } = await client.post({ id: 3, method: "tasks/result", params: { taskId } }, headers);
    const [, eventId = ""] = /^id: (.+)$/m.exec(text) ?? [];
    const resume = () => client.send("GET", { headers: { ...headers, "last-event-id": eventId } });
    const before = await resume();
    expect(before.text).toContain("the result");
    const target = { kind: "tool", name: "work" };
    expect((await readAudit(own)).find(({ id }) => id === before.requestId)).toMatchObject({ event: "stream", target });

    await writeFile(join(own.directory, "policies", "all.yaml"), workersOf("alpha", "[ask]"));
    expect(await hangUp(own)).toMatchObject({ successful: true });
    const forwarded = recorder.requests.length;
    const after = await resume();
    expect(after.message).toMatchObject({ error: { code: 403, data: { reason: "policy_denied" } } });
    expect(recorder.requests).toHaveLength(forwarded);
    expect((await readAudit(own)).find(({ id }) => id === after.requestId)).toMatchObject({
      method: "tasks/result",
      target,
      decision: { effect: "deny", reason: "policy_denied", detail: "no_rule: tool work" },
    });
  });
});
