import { type CaseRequest, renderText } from "./case.ts";
import type { Stage } from "./gateways.ts";
import { createMemory, keep, type Memory, recall } from "./memory.ts";
import { until } from "./observe.ts";
import { openWire, type Wire, type WireAnswer } from "./wire.ts";

/** A connection of a case, from the address that the case says. */
export function connectTo({ gateway, ca }: Stage, from?: string): Promise<Wire> {
  const { hostname, port } = new URL(gateway.publicUrl);
  return openWire({ host: hostname, port: Number(port), ca, from });
}

/** A request ready to be sent, once its session is open. */
export interface Prepared {
  readonly request: CaseRequest;
  readonly bytes: Buffer;
  readonly memory: Memory;
}

/** @param memory what earlier requests of the case have left for this one */
export async function prepare(stage: Stage, request: CaseRequest, memory = createMemory()): Promise<Prepared> {
  return { request, bytes: await renderRequest(stage, request, memory), memory };
}

/** Sends a request on a connection of its own, or the one that is given, and resolves with its answer. */
export async function perform(stage: Stage, { request, bytes, memory }: Prepared, wire?: Wire): Promise<WireAnswer> {
  const own = wire ?? (await connectTo(stage, request.from));
  stage.puppet.behave(request.upstream);
  try {
    void own.say(bytes);
    const answer = await own.hear();
    keep(memory, answer, request.keep);
    return answer;
  } finally {
    own.leave();
    stage.puppet.behave(undefined);
  }
}

/** Sends a request and resolves once the server behind the gateway has it; nobody has heard an answer by then. */
export async function hold(stage: Stage, { request, bytes }: Prepared): Promise<Wire> {
  const wire = await connectTo(stage, request.from);
  const before = stage.puppet.acted();
  stage.puppet.behave(request.upstream ?? "hang");
  void wire.say(bytes);
  await until("the server to act on a message", () => stage.puppet.acted() > before || undefined);
  stage.puppet.behave(undefined);
  return wire;
}

async function renderRequest(stage: Stage, request: CaseRequest, memory: Memory): Promise<Buffer> {
  if (request.raw !== undefined) return Buffer.from(renderText(request.raw), "latin1");
  const body = renderBody(request, memory);
  const headers = await renderHeaders(stage, request, body.length, memory);
  const head = [`${request.verb} ${request.path} HTTP/${request.version}`, ...headers, "", ""].join("\r\n");
  return Buffer.concat([Buffer.from(head, "latin1"), body.subarray(0, request.sendBytes ?? body.length)]);
}

function renderBody({ body, text, base64 }: CaseRequest, memory: Memory): Buffer {
  if (base64 !== undefined) return Buffer.from(base64, "base64");
  if (text !== undefined) return Buffer.from(renderText(text));
  // What is kept was handed out by the gateway, in characters that JSON takes as they are.
  return Buffer.from(body === undefined ? "" : recall(memory, JSON.stringify(body)));
}

async function renderHeaders(stage: Stage, request: CaseRequest, length: number, memory: Memory): Promise<string[]> {
  const posting = request.verb === "POST";
  const { authorization, dpop } = await issue(stage, request);
  const session = request.session && (await findSession(stage, request, memory));
  const usual: Record<string, string | undefined> = {
    host: new URL(stage.gateway.publicUrl).host,
    accept: posting ? "application/json, text/event-stream" : "text/event-stream",
    ...((posting || length > 0) && { "content-type": "application/json", "content-length": String(length) }),
    authorization,
    dpop,
    "mcp-session-id": session,
  };
  const all: Record<string, string | null | string[] | undefined> = { ...usual, ...request.headers };
  return Object.entries(all).flatMap(([name, value]) =>
    [value ?? []].flat().map((line) => `${name}: ${recall(memory, line)}`),
  );
}

/** The headers that say who is asking. */
async function issue(
  { issuer, gateway }: Stage,
  { token: order, path, verb }: CaseRequest,
): Promise<{ authorization?: string; dpop?: string }> {
  const [, server = "alpha"] = /^\/([a-z]+)\/mcp/.exec(path) ?? [];
  const resource = `${gateway.publicUrl}/${server}/mcp`;
  const token = await issuer.issue(order, resource);
  if (token === undefined) return {};
  if (typeof order === "object" || !order.startsWith("dpop")) return { authorization: `Bearer ${token}` };
  const dpop = order === "dpop-proved" ? { dpop: await issuer.prove(token, verb, resource) } : {};
  return { authorization: `DPoP ${token}`, ...dpop };
}

async function findSession(stage: Stage, request: CaseRequest, { sessions }: Memory): Promise<string> {
  const { name } = request.session ?? {};
  const found = sessions.get(name ?? "") ?? (await openSession(stage, request));
  if (name !== undefined) sessions.set(name, found);
  return found;
}

async function openSession(stage: Stage, request: CaseRequest): Promise<string> {
  const { token = "full", server = "alpha" } = request.session ?? {};
  const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "golden", version: "1" } };
  const body = { jsonrpc: "2.0", id: "opening", method: "initialize", params };
  const opening = {
    verb: "POST",
    path: `/${server}/mcp`,
    version: "1.1",
    headers: {},
    leaves: false,
    keep: {},
  } as const;
  const answer = await perform(stage, await prepare(stage, { ...opening, token, body, from: request.from }));
  const id = answer.headers.get("mcp-session-id");
  if (id === undefined) throw new Error(`no session: ${answer.status} ${answer.body}`);
  return id;
}
