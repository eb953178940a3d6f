import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { type Gateway, startGateway } from "../fixtures/gateway.ts";
import { type Caller, createCaller } from "../fixtures/scripted-caller.ts";
import { startTasksExtension, type TasksExtension } from "../fixtures/tasks-extension.ts";
import { readAudit, until } from "../golden/observe.ts";
import type { HttpAnswer } from "./http.ts";
import { reloads, replaceFile } from "./setting.ts";

const policyYaml = `version: 1
roles:
  worker: { allow: [{ id: work, server: "*", tools: [work, other], prompts: [story] }] }
bindings:
  - { roles: [worker], groups: [workers] }
`;

let server: TasksExtension;
let gateway: Gateway;
let ada: Caller;
let bob: Caller;

async function createWorker(at: Gateway, subject: string, name = "tasks"): Promise<Caller> {
  return createCaller(at, name, await at.mint({ server: name, subject, groups: ["workers"] }));
}

beforeAll(async () => {
  server = await startTasksExtension();
  gateway = await startGateway({ servers: { tasks: server.url, mute: { url: server.url } }, policyYaml });
  [ada, bob] = await Promise.all([createWorker(gateway, "ada"), createWorker(gateway, "bob")]);
});
afterAll(async () => {
  await Promise.all([ada.close(), bob.close()]);
  await gateway.stop();
  await server.stop();
});

type Result = Record<string, unknown>;

function resultOf({ message }: HttpAnswer): Result {
  expect(message).toHaveProperty("result");
  return message.result as Result;
}

/** Begins a task, and gives the handle the client knows it by and the id the server has for it. */
async function begin(caller: Caller, name = "work"): Promise<{ handle: string; own: string }> {
  const known = new Set(server.ids());
  const result = resultOf(await caller.ask("tools/call", { name, arguments: {} }));
  const [own = "", ...more] = server.ids().filter((id) => !known.has(id));
  expect(more).toEqual([]);
  expect(result).toMatchObject({ resultType: "task", status: "working", ttlMs: null });
  return { handle: String(result.taskId), own };
}

/** Asks about a task, with the header that its clients have to send (Routing Headers). */
function askAbout(caller: Caller, method: string, taskId: string, params: object = {}): Promise<HttpAnswer> {
  return caller.ask(method, { taskId, ...params }, { "mcp-name": taskId });
}

const question = { name: { method: "elicitation/create", params: { message: "Who?", requestedSchema: {} } } };

describe("a task of the extension", () => {
  it("goes its way; only the server knows its own id, in body and header", async () => {
    const { handle, own } = await begin(ada);
    expect(handle).not.toContain(own);
    expect(resultOf(await askAbout(ada, "tasks/get", handle))).toMatchObject({ taskId: handle, status: "working" });

    server.change(own, { status: "input_required", inputRequests: question });
    expect(resultOf(await askAbout(ada, "tasks/get", handle))).toMatchObject({
      taskId: handle,
      status: "input_required",
      inputRequests: question,
    });
    const inputResponses = { name: { action: "accept", content: { name: "Ada" } } };
    expect(resultOf(await askAbout(ada, "tasks/update", handle, { inputResponses }))).toEqual({
      resultType: "complete",
    });
    expect(server.sent("tasks/update").at(-1)?.params).toMatchObject({ taskId: own, inputResponses });

    const result = { content: [{ type: "text", text: "done" }] };
    server.change(own, { status: "completed", result });
    expect(resultOf(await askAbout(ada, "tasks/get", handle))).toMatchObject({ taskId: handle, result });

    const about = server.requests.filter(({ method }) => method.startsWith("tasks/"));
    expect(about.map(({ params }) => params.taskId)).toEqual([own, own, own, own]);
    for (const { headers, method } of about) {
      expect(headers).toMatchObject({ "mcp-name": own, "mcp-method": method, "mcp-protocol-version": "2026-07-28" });
    }
    expect(JSON.stringify(about)).not.toContain(handle);
  });

  it("is cancelled at the server", async () => {
    const { handle, own } = await begin(ada);
    expect(resultOf(await askAbout(ada, "tasks/cancel", handle))).toEqual({ resultType: "complete" });
    expect(server.sent("tasks/cancel").at(-1)?.params).toMatchObject({ taskId: own });
    expect(resultOf(await askAbout(ada, "tasks/get", handle))).toMatchObject({ status: "cancelled" });
  });

  it("reaches the server with its id in a header even where the client sent none", async () => {
    const { handle, own } = await begin(ada);
    resultOf(await ada.ask("tasks/get", { taskId: handle }));
    expect(server.requests.at(-1)?.headers["mcp-name"]).toBe(own);
  });

  it("is not asked about under two names", async () => {
    const [{ handle }, { handle: other }] = [await begin(ada), await begin(ada)];
    const forwarded = server.requests.length;
    const answer = await ada.ask("tasks/get", { taskId: handle }, { "mcp-name": other });
    expect(answer).toMatchObject({ status: 400, message: { error: { code: -32_020 } } });
    expect(server.requests).toHaveLength(forwarded);
  });
});

describe("a task of somebody else", () => {
  it.each(["tasks/get", "tasks/update", "tasks/cancel"])("is not there for %s, by any name", async (method) => {
    const { handle, own } = await begin(ada);
    const forwarded = server.requests.length;
    for (const id of [handle, own, `${handle}x`]) {
      const answer = await askAbout(bob, method, id, { inputResponses: {} });
      expect(answer.message).toMatchObject({ error: { code: -32_602, data: { reason: "task_unknown" } } });
      const record = (await readAudit(gateway)).find((entry) => entry.id === answer.requestId);
      expect(record).toMatchObject({
        method,
        era: "modern",
        identity: { subject: "bob" },
        decision: { effect: "deny", reason: "task_unknown" },
        outcome: { upstream: null },
      });
    }
    expect(server.requests).toHaveLength(forwarded);
  });

  it("does not come as the answer about one's own", async () => {
    const hers = await begin(ada);
    const his = await begin(bob);
    server.change(hers.own, { taskId: his.own });
    const answer = await askAbout(ada, "tasks/get", hers.handle);
    expect(answer.message).toMatchObject({ error: { data: { reason: "upstream_malformed" } } });
    expect(answer.text).not.toContain(his.own);
  });
});

describe("a task where there can be none", () => {
  const hidden = { uri: "test://hidden", text: "hidden" };
  it.each([
    ["tools/list", {}, { tools: [{ name: "hidden", inputSchema: { type: "object" } }] }],
    [
      "prompts/get",
      { name: "story" },
      { messages: [{ role: "user", content: { type: "resource", resource: hidden } }] },
    ],
  ])("does not take what %s filters past the filter", async (method, params, result) => {
    const known = new Set(server.ids());
    const begun = await ada.ask(method, params);
    const [own = ""] = server.ids().filter((id) => !known.has(id));
    server.change(own, { status: "completed", result });
    const { taskId } = (begun.message.result ?? {}) as { taskId?: string };
    const answer = taskId === undefined ? begun : await askAbout(ada, "tasks/get", taskId);
    expect(answer.text).not.toContain("hidden");
  });
});

describe("a question during a task", () => {
  it("is not shown where the server may not ask", async () => {
    const caller = await createWorker(gateway, "ada", "mute");
    onTestFinished(() => caller.close());
    const { handle, own } = await begin(caller);
    server.change(own, { status: "input_required", inputRequests: question });
    const answer = await askAbout(caller, "tasks/get", handle);
    expect(answer.message).toMatchObject({ error: { data: { reason: "client_request_denied" } } });
    expect(answer.text).not.toContain("Who?");
  });
});

describe("a subscription to tasks", () => {
  it("is acknowledged with the client's handles, asked for with the server's ids, and tells of nothing else", async () => {
    const [first, second, unasked] = [await begin(ada), await begin(ada), await begin(ada)];
    const his = await begin(bob);
    const taskIds = [first.handle, his.handle, second.handle, second.own, "made up"];
    const stream = await ada.subscribe({ taskIds }, "mine");
    onTestFinished(() => stream.leave());
    await until("the acknowledgment", () => stream.messages.length > 0);
    expect(stream.messages).toMatchObject([
      {
        method: "notifications/subscriptions/acknowledged",
        params: {
          _meta: { "io.modelcontextprotocol/subscriptionId": "mine" },
          notifications: { taskIds: [first.handle, second.handle] },
        },
      },
    ]);
    expect(server.sent("subscriptions/listen").at(-1)?.params.notifications).toEqual({
      taskIds: [first.own, second.own],
    });

    // This server tells of everything to everybody.
    server.change(his.own, { status: "cancelled" });
    server.change(unasked.own, { status: "cancelled" });
    server.change(first.own, { status: "completed", result: { content: [] } });
    server.change(second.own, { status: "failed", error: { code: 1, message: "so" } });
    await until("the news", () => stream.messages.some(({ params }) => params?.status === "failed"));
    const told = stream.messages.filter(({ method }) => method === "notifications/tasks").map(({ params }) => params);
    expect(told).toMatchObject([
      { taskId: first.handle, status: "completed", result: { content: [] } },
      { taskId: second.handle, status: "failed" },
    ]);
  });

  const further = '[other] }, { id: more, server: "*", tools: [work], require: { scopes: [more] }';

  it.each([
    ["is not allowed any more", "[other]", "policy_denied"],
    ["takes more than the caller has proved", further, "step_up_required"],
  ])(
    "loses a task with the tool that began it, and goes on with the others: one that %s",
    async (_case, tools, reason) => {
      const own = await startGateway({ servers: { tasks: server.url }, policyYaml });
      onTestFinished(async () => void (await own.stop()));
      const caller = await createWorker(own, "ada");
      onTestFinished(() => caller.close());
      const [lost, kept] = [await begin(caller, "work"), await begin(caller, "other")];
      const stream = await caller.subscribe({ taskIds: [lost.handle, kept.handle] });
      await until("the acknowledgment", () => stream.messages.length > 0);
      await replaceFile(`${own.directory}/policies/all.yaml`, policyYaml.replace("[work, other]", tools));
      own.child.kill("SIGHUP");
      await until("the reload", async () => (await reloads(own)).length > 0 || undefined);

      const denied = await askAbout(caller, "tasks/get", lost.handle);
      expect(denied.message).toMatchObject({ error: { code: 403, data: { reason } } });
      const record = (await readAudit(own)).find(({ id }) => id === denied.requestId);
      expect(record?.decision).toMatchObject({ effect: "deny", detail: expect.stringContaining("tool work") });
      server.change(lost.own, { status: "completed", result: { content: [] } });
      server.change(kept.own, { status: "completed", result: { content: [] } });
      await until("the news", () => stream.messages.some(({ method }) => method === "notifications/tasks"));
      const told = stream.messages.filter(({ method }) => method === "notifications/tasks");
      expect(told.map(({ params }) => params?.taskId)).toEqual([kept.handle]);
      const later = await caller.subscribe({ taskIds: [lost.handle, kept.handle] });
      await until("the acknowledgment", () => later.messages.length > 0);
      expect(server.sent("subscriptions/listen").at(-1)?.params.notifications).toEqual({ taskIds: [kept.own] });
      later.leave();
      stream.leave();
    },
  );
});
