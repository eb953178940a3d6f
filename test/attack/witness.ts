/** What came of one exchange with a hostile server, seen from every side: client, record, metric, gauges, connections. */
import type { AuditRecord } from "../../src/audit/record.ts";
import { type DenialCode, refusals } from "../../src/denial.ts";
import { readAudit, readMetric, readRefusals, scrape } from "../golden/observe.ts";
import { type Ask, callTool, type Finished, type Front, type Message } from "./hostile.ts";
import { until } from "./until.ts";

/** One of the ways in which a server answers. */
export interface Way {
  readonly name: string;
  /** Its request has the id 7, where it has one. */
  readonly ask: Ask;
  /** The media type of the answer. */
  readonly type: "application/json" | "text/event-stream";
  /** Whether the record waits for the answer, or stands when the stream opens. */
  readonly recorded: "at the answer" | "at the head";
  /** Whether the client waits for an answer at all. */
  readonly owed: boolean;
  /** Writes a message the way this one does. */
  wrap(message: string): string;
}

const stateless = "2026-07-28";

/** A request of the stateless revision with its mirrors; its id is 7. */
export function askStatelessly(method: string, params: object, mirrors: Readonly<Record<string, string>> = {}): Ask {
  const _meta = {
    "io.modelcontextprotocol/protocolVersion": stateless,
    "io.modelcontextprotocol/clientCapabilities": {},
  };
  return {
    body: JSON.stringify({ jsonrpc: "2.0", id: 7, method, params: { ...params, _meta } }),
    headers: { "mcp-protocol-version": stateless, "mcp-method": method, ...mirrors },
  };
}

const stream = {
  type: "text/event-stream",
  wrap: (message: string) => `data: ${message.replaceAll("\n", "\ndata: ")}\n\n`,
} as const;
const call: Ask = { body: callTool(7) };

/** A call that is answered by one JSON body. */
export const byJson: Way = {
  name: "a JSON answer",
  ask: call,
  type: "application/json",
  recorded: "at the answer",
  owed: true,
  wrap: (message) => message,
};

/** Everything that is answered by a stream. */
export const byStream: readonly Way[] = [
  { name: "an answer by stream", ask: call, recorded: "at the answer", owed: true, ...stream },
  {
    name: "a stateless answer by stream",
    ask: askStatelessly("tools/call", { name: "open-one" }, { "mcp-name": "open-one" }),
    recorded: "at the answer",
    owed: true,
    ...stream,
  },
  { name: "a standalone stream", ask: { verb: "GET" }, recorded: "at the head", owed: false, ...stream },
  {
    name: "a subscription",
    ask: askStatelessly("subscriptions/listen", { notifications: { toolsListChanged: true } }),
    recorded: "at the head",
    owed: true,
    ...stream,
  },
];

/** One exchange from every side. */
export interface Sight {
  readonly client: Finished;
  /** Every record of its request id, in order, but the one of the end of a stream. */
  readonly records: readonly AuditRecord[];
  /** How a stream ended that was on record from its beginning; null where there was none. */
  readonly end: AuditRecord | null;
  /** By how much each refusal's counter went up. */
  readonly counted: Readonly<Record<string, number>>;
}

/** Sends a request, reads its answer to the end, and waits until the gateway holds nothing of it any more. */
export async function witness(scene: Front, ask: Ask): Promise<Sight> {
  const before = await readRefusals(scene.gateway);
  const client = await scene.send(ask);
  let after = before;
  await until("nothing is left over", async () => {
    const text = await scrape(scene.gateway);
    after = readMetric(text, "sallyport_refusals_total", "reason");
    return heldBy(text) === 0;
  });
  const counted = [...after].map(([reason, count]) => [reason, count - (before.get(reason) ?? 0)] as const);
  const id = client.headers["x-request-id"];
  let own: AuditRecord[] = [];
  await until("the end of a stream is on record", async () => {
    own = (await readAudit(scene.gateway)).filter((record) => record.id === id);
    return own.filter(opensStream).length === own.filter(endsStream).length;
  });
  return {
    client,
    records: own.filter((record) => !endsStream(record)),
    end: own.find(endsStream) ?? null,
    counted: Object.fromEntries(counted.filter(([, count]) => count !== 0)),
  };
}

function opensStream({ event, method, decision: { reason } }: AuditRecord): boolean {
  return reason === null && (event === "stream" || (event === "request" && method === "subscriptions/listen"));
}

function endsStream({ event }: AuditRecord): boolean {
  return event === "stream_end" || event === "stream_failure";
}

/** Exchanges and streams that are in progress, as the gauges have it. */
export async function held({ gateway }: Pick<Front, "gateway">): Promise<number> {
  return heldBy(await scrape(gateway));
}

function heldBy(metrics: string): number {
  const read = (name: string) => readMetric(metrics, name, "server").get("hostile") ?? 0;
  return read("sallyport_inflight_requests") + read("sallyport_open_streams");
}

/** Memory of the gateway's process that is in use, in MiB. */
export async function residentMiB({ gateway }: Pick<Front, "gateway">): Promise<number> {
  const [, bytes] = /^process_resident_memory_bytes (\S+)$/m.exec(await scrape(gateway)) ?? [];
  return Number(bytes) / 1_048_576;
}

/** What a client reads of a refusal. */
export function refusal(reason: DenialCode, { headers }: Pick<Finished, "headers">, id: number | undefined): Message {
  const { rpc, text } = refusals[reason];
  const error = { code: rpc, message: text, data: { reason, requestId: headers["x-request-id"] } };
  return { jsonrpc: "2.0", ...(id === undefined ? {} : { id }), error } as Message;
}
