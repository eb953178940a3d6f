import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readAudit } from "../golden/observe.ts";
import { toolCall } from "./http.ts";
import { startSubjectWorld, type World } from "./personas.ts";
import { textOf } from "./sdk-client.ts";
import { allClients } from "./sdk-clients.ts";
import { type Setting, set } from "./setting.ts";

describe("with official clients", () => {
  let world: World;
  beforeAll(async () => {
    world = await startSubjectWorld(
      {},
      `version: 1
roles:
  careful:
    allow:
      - { id: short-echoes, server: subject, tools: [test_echo], when: size(mcp.tool.arguments.text) <= 5 }
      - { id: proven, server: subject, tools: [test_simple_text], require: { scopes: ["texts:read"], acr: [mfa] } }
      - { id: once, server: subject, tools: [test_error_handling], limit: { requests: 1, window: 1h } }
bindings:
  - { roles: [careful], groups: [operators] }
`,
    );
  });
  afterAll(() => world.stop());

  it.each(allClients)("%s: a call is judged by its arguments", async (_name, connect) => {
    const client = await connect(world);
    expect(textOf(await client.call("test_echo", { text: "short" }))).toContain("short");
    await expect(client.call("test_echo", { text: "longer" })).rejects.toThrow(/Policy does not allow this/);
    await expect(client.call("test_echo", { words: "short" })).rejects.toThrow(/Policy does not allow this/);
    const records = await readAudit(world.gateway);
    const reasons = records.filter(({ target }) => target?.name === "test_echo").map(({ decision }) => decision.reason);
    expect(reasons.slice(-3)).toEqual([null, "policy_denied", "condition_failed"]);
  });

  it.each(allClients)("%s: a call that takes more proof fails at once", async (_name, connect) => {
    const client = await connect(world);
    await expect(client.call("test_simple_text")).rejects.toThrow();
    const record = (await readAudit(world.gateway)).findLast(({ target }) => target?.name === "test_simple_text");
    expect(record).toMatchObject({
      decision: { effect: "deny", reason: "step_up_required", rule: "proven" },
      outcome: { http: 403 },
    });
    expect(client.http.answers.map(({ status }) => status)).toContain(403);
    await client.close();
  });
});

const tools = [
  { name: "look", inputSchema: { type: "object" }, annotations: { readOnlyHint: true } },
  { name: "change", inputSchema: { type: "object" }, annotations: { readOnlyHint: false } },
  { name: "unsaid", inputSchema: { type: "object" } },
];

/** A server that lists its tools with their annotations. */
function startHinting(policyYaml: string, state = { listing: true }): Promise<Setting> {
  return set({
    policyYaml,
    handler(_request, body, response) {
      const { id, method } = JSON.parse(body.toString() || "{}");
      if (method === "tools/list" && !state.listing) return void response.writeHead(500).end();
      const answer = { result: method === "tools/list" ? { tools } : { content: [] } };
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify({ jsonrpc: "2.0", id, ...answer }));
    },
  });
}

const list = { id: 1, method: "tools/list" };
const call = (name: string) => ({ ...toolCall(2), params: { name, arguments: {} } });

describe("annotations", () => {
  const policyYaml = `version: 1
roles:
  analyst:
    allow:
      - { id: harmless, server: alpha, tools: ["*"], when: has(mcp.tool.annotations.readOnlyHint) && mcp.tool.annotations.readOnlyHint }
bindings:
  - { roles: [analyst], groups: [all] }
`;

  it("are those that the server has listed, to whoever asked", async () => {
    const { client } = await startHinting(policyYaml);
    expect((await client.post(list)).message).toMatchObject({ result: { tools: [{ name: "look" }] } });
    expect((await client.post(call("look"))).message).toMatchObject({ result: { content: [] } });
    for (const name of ["change", "unsaid"]) {
      expect((await client.post(call(name))).message).toMatchObject({ error: { data: { reason: "policy_denied" } } });
    }
  });

  it("are asked for where nobody has listed the tools yet, once for many", async () => {
    const { client, recorder } = await startHinting(policyYaml);
    const calls = ["change", "look", "look", "unsaid", "made-up", "made-up-too"].map((name) => client.post(call(name)));
    const reasons = (await Promise.all(calls)).map(({ message }) => Object(message.error).data?.reason);
    const [denied, failed] = ["policy_denied", "condition_failed"];
    expect(reasons).toEqual([denied, undefined, undefined, denied, failed, failed]);
    const heard = recorder.requests.map(({ body }) => JSON.parse(body.toString()).method);
    expect(heard.filter((method) => method !== "tools/call")).toEqual(["tools/list"]);
    expect(heard.filter((method) => method === "tools/call")).toHaveLength(2);
  });

  it("are unknown where the server does not say them, and nobody is let through", async () => {
    const state = { listing: false };
    const { client, recorder } = await startHinting(policyYaml, state);
    expect((await client.post(call("look"))).message).toMatchObject({
      error: { data: { reason: "condition_failed" } },
    });
    expect(recorder.requests.filter(({ body }) => body.includes('"tools/call"'))).toEqual([]);
    state.listing = true;
    expect((await client.post(list)).message).toMatchObject({ result: { tools: [{ name: "look" }] } });
    expect((await client.post(call("look"))).message).toMatchObject({ result: { content: [] } });
  });
});

it("a rule in shadow lets pass, and what it would have said is on record", async () => {
  const { client, gateway } = await startHinting(`version: 1
roles:
  analyst:
    allow:
      - { id: everything, server: alpha, tools: ["*"] }
    deny:
      - { id: no-changes, server: alpha, tools: [change], mode: shadow }
bindings:
  - { roles: [analyst], groups: [all] }
`);
  expect((await client.post(list)).message).toMatchObject({ result: { tools } });
  expect((await client.post(call("change"))).message).toMatchObject({ result: { content: [] } });
  expect((await client.post(call("look"))).message).toMatchObject({ result: { content: [] } });
  const [changed, looked] = (await readAudit(gateway)).filter(({ method }) => method === "tools/call");
  expect(changed?.decision).toMatchObject({
    effect: "allow",
    rule: "everything",
    reason: null,
    shadow: { effect: "deny", rule: "no-changes", policy: "policies/all.yaml:7" },
  });
  expect(looked?.decision).not.toHaveProperty("shadow");
});

describe("with no rule for anything of a server", () => {
  const policyYaml = `version: 1
roles:
  reader: { allow: [{ server: "*", tools: [look] }] }
bindings:
  - { roles: [reader], groups: [readers] }
`;

  it.each<["GET" | "POST" | "DELETE", string | undefined]>([
    ["POST", JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" })],
    ["POST", JSON.stringify({ jsonrpc: "2.0", method: "notifications/initialized" })],
    ["POST", JSON.stringify({ jsonrpc: "2.0", id: "1", result: {} })],
    ["GET", undefined],
    ["DELETE", undefined],
  ])("nothing reaches it: %s %s", async (verb, body) => {
    const { gateway, recorder, client } = await set({ policyYaml });
    const answer = await client.send(verb, body === undefined ? {} : { body });
    expect(recorder.requests).toEqual([]);
    expect(answer.message).toMatchObject({ error: { data: { reason: expect.any(String) } } });
    const record = (await readAudit(gateway)).find(({ id }) => id === answer.requestId);
    expect(record).toMatchObject({ decision: { effect: "deny", rule: null }, outcome: { upstream: null } });
  });
});
