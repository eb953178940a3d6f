import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import {
  type CallToolResult,
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  LoggingMessageNotificationSchema,
  type McpError,
  ResourceUpdatedNotificationSchema,
  ToolListChangedNotificationSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { type ReadyChild, startChild } from "../fixtures/child.ts";
import { type Gateway, startGateway } from "../fixtures/gateway.ts";
import { readAudit, until } from "../golden/observe.ts";
import { createClient, type HttpClient } from "./http.ts";
import { trustGateway } from "./sdk.ts";
import { refusalOf } from "./sdk-refusal.ts";

const serverFile = fileURLToPath(new URL("../fixtures/sse-server.ts", import.meta.url));

const policyYaml = `version: 1
roles:
  everything: { allow: [{ server: "*", tools: ["*"], resources: ["*"], prompts: ["*"] }] }
  something: { allow: [{ server: "*", tools: [echo, announce], resources: ["test://open"] }] }
bindings:
  - { roles: [everything], groups: [all] }
  - { roles: [something], groups: [some] }
`;

interface World {
  readonly gateway: Gateway;
  readonly server: ReadyChild;
  /** The same token each time, for minting one takes a process. */
  token(server: string, group: string): Promise<string>;
}

/** A gateway before a server of 2024-11-05: `old`, and `mute`, the same one, which may ask clients nothing. */
async function startWorld(): Promise<World> {
  const server = await startChild([serverFile, "--until-stdin-ends"]);
  const entry = { url: String(server.ready.url), transport: "sse" };
  const servers = { old: { ...entry, clientRequests: ["elicitation", "sampling"] }, mute: entry };
  try {
    const gateway = await startGateway({ servers, policyYaml });
    const tokens = new Map<string, Promise<string>>();
    return {
      server,
      gateway,
      token(server, group) {
        const key = `${group}@${server}`;
        const token = tokens.get(key) ?? gateway.mint({ server, subject: group, groups: [group] });
        tokens.set(key, token);
        return token;
      },
    };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

async function stopWorld({ gateway, server }: World): Promise<void> {
  await gateway.stop();
  await server.stop();
}

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => stopWorld(world));

interface Connected {
  readonly client: Client;
  readonly transport: StreamableHTTPClientTransport;
  /** What the server asked or told the client, in order. */
  readonly heard: string[];
  /** A client without manners, in the same name. */
  readonly plain: HttpClient;
  /** Headers that name the session. */
  readonly session: Readonly<Record<string, string>>;
}

interface Wanted {
  readonly at?: World;
  readonly server?: string;
  readonly group?: "all" | "some";
}

/** The official client of SDK v1, speaking Streamable HTTP, with its standalone stream open. */
async function connect({ at = world, server = "old", group = "all" }: Wanted = {}): Promise<Connected> {
  const token = await at.token(server, group);
  const http = await trustGateway(at.gateway);
  onTestFinished(() => http.close());
  const transport = new StreamableHTTPClientTransport(new URL(`${at.gateway.publicUrl}/${server}/mcp`), {
    fetch: http.fetch,
    requestInit: { headers: { authorization: `Bearer ${token}` } },
  });
  const client = new Client(
    { name: "e2e", version: "1" },
    { capabilities: { sampling: {}, elicitation: { form: {} } } },
  );
  const heard: string[] = [];
  client.setRequestHandler(ElicitRequestSchema, ({ method }) => {
    heard.push(method);
    return { action: "accept", content: { name: "Ada" } };
  });
  client.setRequestHandler(CreateMessageRequestSchema, ({ method }) => {
    heard.push(method);
    return { model: "the client's", role: "assistant", content: { type: "text", text: "!" } };
  });
  client.setNotificationHandler(ToolListChangedNotificationSchema, ({ method }) => void heard.push(method));
  client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => void heard.push(params.uri));
  client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => void heard.push(String(params.data)));
  // The SDK's own types disagree about undefined under exactOptionalPropertyTypes.
  await client.connect(transport as Parameters<Client["connect"]>[0]);
  onTestFinished(() => client.close());
  await http.answered(({ verb, status }) => verb === "GET" && status === 200);
  const plain = await createClient(at.gateway, server, token);
  onTestFinished(() => plain.close());
  const session = { "mcp-session-id": String(transport.sessionId), "mcp-protocol-version": "2025-11-25" };
  return { client, transport, heard, plain, session };
}

function textOf(result: unknown): string {
  const { content } = result as CallToolResult;
  return content.map((block) => (block.type === "text" ? block.text : "")).join("\n");
}

async function findRecord(at: World, error: McpError) {
  const { requestId } = error.data as { requestId: string };
  return (await readAudit(at.gateway)).find(({ id }) => id === requestId);
}

const ping = { id: 1, method: "ping" };

describe("a server of 2024-11-05", () => {
  it("is initialized, listed and called by a client that knows nothing of it", async () => {
    const { client, transport } = await connect();
    expect(client.getServerVersion()).toMatchObject({ name: "sallyport-test-sse" });
    expect(transport.sessionId).not.toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-/);
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain("slow");
    expect((await client.listResources()).resources.map(({ uri }) => uri)).toEqual(["test://open", "test://hidden"]);
    expect(textOf(await client.callTool({ name: "echo", arguments: { text: "as said é 😀" } }))).toBe("as said é 😀");
    const { contents } = await client.readResource({ uri: "test://hidden" });
    expect(contents).toEqual([{ uri: "test://hidden", text: "text of test://hidden" }]);
  });

  it("answers a client that speaks no newer revision", async () => {
    const { plain } = await connect();
    const params = { protocolVersion: "2024-11-05", capabilities: {}, clientInfo: { name: "e2e", version: "1" } };
    const { session, message } = await plain.post({ id: 0, method: "initialize", params });
    expect(message).toMatchObject({ id: 0, result: { protocolVersion: "2024-11-05" } });
    const headers = { "mcp-session-id": String(session) };
    const initialized = await plain.post({ method: "notifications/initialized" }, headers);
    expect(initialized.status).toBe(202);
    expect(await plain.post(ping, headers)).toMatchObject({ status: 200, message: { id: 1, result: {} } });
  });

  it("shows a caller what policy lets it see, and nothing else", async () => {
    const { client, heard } = await connect({ group: "some" });
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(["echo", "announce"]);
    expect((await client.listResources()).resources.map(({ uri }) => uri)).toEqual(["test://open"]);
    const error = await refusalOf(client.callTool({ name: "slow" }));
    expect(error.data).toMatchObject({ reason: "policy_denied" });
    await client.callTool({ name: "announce" });
    await client.callTool({ name: "announce" });
    const updates = () => heard.filter((what) => what === "test://open").length === 2 || undefined;
    await until("the updates", updates);
    expect(heard).not.toContain("test://hidden");
  });

  it("reports progress on the stream of the call that asked for it", async () => {
    const { client, heard } = await connect();
    const order: string[] = [];
    const onprogress = ({ progress }: { progress: number }) => void order.push(`progress ${progress}`);
    await client.callTool({ name: "steps" }, undefined, { onprogress });
    order.push("answer");
    expect(order).toEqual(["progress 1", "progress 2", "progress 3", "answer"]);
    await until("the log", () => heard.includes("step 3") || undefined);
    expect(heard).toEqual(["step 1", "step 2", "step 3"]);
  });

  it.each([
    ["elicit", "elicitation/create", 'accept {"name":"Ada"}'],
    ["sample", "sampling/createMessage", "by the client's"],
  ])("asks the client where it may: %s", async (name, method, expected) => {
    const { client, heard } = await connect();
    expect(textOf(await client.callTool({ name }))).toBe(expected);
    expect(heard).toEqual([method]);
    const records = (await readAudit(world.gateway)).filter(({ event }) => event === "server_request");
    expect(records.at(-1)).toMatchObject({ server: "old", method, decision: { effect: "allow" } });
  });

  it.each(["elicit", "sample"])("is told at once where it may not ask: %s", async (name) => {
    const { client, heard } = await connect({ server: "mute" });
    const failed = await refusalOf(client.callTool({ name }));
    expect(failed.message).toContain("The gateway does not let this request pass");
    expect(heard).toEqual([]);
  });

  it("hears that a call is cancelled", async () => {
    const { client, heard } = await connect();
    const cancel = new AbortController();
    const call = client.callTool({ name: "slow" }, undefined, { signal: cancel.signal }).catch(() => "cancelled");
    await until("the call", () => heard.includes("begun") || undefined);
    cancel.abort("enough");
    expect(await call).toBe("cancelled");
    await until("the cancellation", () => heard.includes("cancelled") || undefined);
    expect(textOf(await client.callTool({ name: "echo", arguments: { text: "on" } }))).toBe("on");
  });

  it("announces changes on the stream of the session", async () => {
    const { client, heard } = await connect();
    await client.callTool({ name: "announce" });
    await until("the announcements", () => heard.includes("test://hidden") || undefined);
    expect(heard).toEqual(["notifications/tools/list_changed", "test://open", "test://hidden"]);
  });

  it("keeps many sessions apart", async () => {
    const all = await Promise.all(Array.from({ length: 8 }, () => connect()));
    const answers = await Promise.all(
      all.map(({ client }, index) => client.callTool({ name: "echo", arguments: { text: `of ${index}` } })),
    );
    expect(answers.map(textOf)).toEqual(all.map((_connected, index) => `of ${index}`));
  });
});

describe("its sessions", () => {
  it("have one stream at a time", async () => {
    const { plain, session } = await connect();
    expect(await plain.send("GET", { headers: session })).toMatchObject({ status: 409 });
  });

  it("end with DELETE, at the server too", async () => {
    const { client, transport, plain, session } = await connect();
    expect(await plain.post(ping, session)).toMatchObject({ status: 200 });
    const closed = once(world.server.child.stdout ?? expect.fail(), "data");
    await transport.terminateSession();
    expect(String(await closed)).toContain('"event":"closed"');
    const after = await plain.post(ping, session);
    expect(after).toMatchObject({
      status: 404,
      message: { error: { data: { reason: expect.stringMatching(/^session_/) } } },
    });
    await client.close();
  });

  it("begin with initialize", async () => {
    const { plain } = await connect();
    const answer = await plain.post({ id: 5, method: "tools/list" });
    expect(answer).toMatchObject({
      status: 400,
      message: { id: 5, error: { message: expect.stringContaining("initialize") } },
    });
  });

  it("of someone else are not found", async () => {
    const { session, plain } = await connect();
    const other = await connect({ group: "some" });
    expect(await other.plain.post(ping, session)).toMatchObject({ status: 404 });
    expect(await plain.post(ping, session)).toMatchObject({ status: 200 });
  });
});

describe("a server that dies", () => {
  it("in the middle of a call is named in the answer and on record, and its session is over", async () => {
    const own = await startWorld();
    onTestFinished(() => stopWorld(own));
    const { client, heard, plain, session } = await connect({ at: own });
    const call = refusalOf(client.callTool({ name: "slow" }));
    await until("the call", () => heard.includes("begun") || undefined);
    own.server.child.kill("SIGKILL");
    const error = await call;
    expect(error.data).toMatchObject({ reason: "upstream_reset" });
    expect(await findRecord(own, error)).toMatchObject({
      method: "tools/call",
      target: { kind: "tool", name: "slow" },
      decision: { effect: "allow", reason: "upstream_reset" },
      outcome: { http: 200, rpc: 502 },
    });
    expect(await plain.post(ping, session)).toMatchObject({ status: 404 });
    const again = await plain.post({ id: 0, method: "initialize", params: {} });
    expect(again.message).toMatchObject({ error: { data: { reason: "upstream_unreachable" } } });
  });
});
