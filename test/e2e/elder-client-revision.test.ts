/** What a server of Streamable HTTP is told of the revision, where its client is one of 2024-11-05 and does not repeat it. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { expect, it, onTestFinished } from "vitest";
import { startGateway } from "../fixtures/gateway.ts";
import { type Recorder, startRecorder } from "../fixtures/recorder.ts";
import { until } from "../golden/observe.ts";
import { openDoor, type PlainDoor } from "./elder-client.ts";

interface Agreed {
  readonly revision: string;
  readonly session?: string;
  readonly asStream?: boolean;
}

/** A server that agrees to one revision, and answers everything else with nothing. */
async function start({ revision, session, asStream = false }: Agreed): Promise<{ door: PlainDoor; server: Recorder }> {
  const server = await startRecorder((request: IncomingMessage, body: Buffer, response: ServerResponse) => {
    if (request.method === "GET")
      return void response.writeHead(200, { "content-type": "text/event-stream" }).write(":\n");
    if (request.method === "DELETE") return void response.writeHead(200).end();
    const { id, method } = JSON.parse(body.toString()) as { id?: number; method: string };
    if (id === undefined) return void response.writeHead(202).end();
    const named = method === "initialize" && session !== undefined ? { "mcp-session-id": session } : {};
    const agreed = { protocolVersion: revision, capabilities: {}, serverInfo: { name: "x", version: "1" } };
    const answer = JSON.stringify({ jsonrpc: "2.0", id, result: method === "initialize" ? agreed : {} });
    response.writeHead(200, { ...named, "content-type": asStream ? "text/event-stream" : "application/json" });
    response.end(asStream ? `data: ${answer}\n\n` : answer);
  });
  onTestFinished(() => server.stop());
  const gateway = await startGateway({ servers: { alpha: server.url } });
  onTestFinished(async () => void (await gateway.stop()));
  const door = await openDoor(gateway, { token: await gateway.mint({ server: "alpha" }) });
  await door.begin();
  return { door, server };
}

/** Verb or method, and the revision that came with it. */
function revisionsOf({ requests }: Recorder): Record<string, string | undefined> {
  const told = requests.map(({ method: verb, body, rawHeaders }) => {
    const at = rawHeaders.findIndex((name) => name.toLowerCase() === "mcp-protocol-version");
    const name = verb === "POST" ? (JSON.parse(body.toString()) as { method: string }).method : verb;
    return [name, at < 0 ? undefined : rawHeaders[at + 1]] as const;
  });
  return Object.fromEntries(told);
}

it.each<Agreed>([
  { revision: "2025-06-18", session: "s" },
  { revision: "2025-11-25", session: "s", asStream: true },
])("it is what both have agreed on, with every message of a session: %j", async (agreed) => {
  const { door, server } = await start(agreed);
  await door.post({ id: 2, method: "ping" });
  await door.answer(2);
  await until("the stream of the session", () => server.requests.some(({ method }) => method === "GET"));
  door.stream.destroy();
  await until("the end of the session", () => server.requests.some(({ method }) => method === "DELETE"));
  const { revision } = agreed;
  expect(revisionsOf(server)).toEqual({
    initialize: undefined,
    "notifications/initialized": revision,
    ping: revision,
    GET: revision,
    DELETE: revision,
  });
});

it("it is that without a session, too, but for what the client says itself", async () => {
  const { door, server } = await start({ revision: "2025-06-18" });
  await door.post({ id: 2, method: "ping" });
  await door.post({ id: 3, method: "tools/list" }, { "mcp-protocol-version": "2025-03-26" });
  await Promise.all([2, 3].map(door.answer));
  expect(revisionsOf(server)).toMatchObject({ ping: "2025-06-18", "tools/list": "2025-03-26" });
});

it.each(["2024-10-07", "2026-07-28"])(
  "it is none where they agree on one that has no sessions here: %s",
  async (revision) => {
    const { door, server } = await start({ revision, session: "s" });
    await door.post({ id: 2, method: "ping" });
    await door.answer(2);
    await until("the stream of the session", () => server.requests.some(({ method }) => method === "GET"));
    expect(revisionsOf(server)).toMatchObject({ ping: undefined, GET: undefined });
  },
);
