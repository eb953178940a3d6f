import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { answerMinimally, isProbe, type RecordedRequest, startRecorder } from "../fixtures/recorder.ts";
import { type Behaviour, renderText } from "./case.ts";

/** A server behind the gateway that does with the next messages whatever it is told. */
export interface Puppet {
  url(server: string): string;
  readonly requests: readonly RecordedRequest[];
  /** How many messages it has begun to answer. */
  acted(): number;
  /** What becomes of messages from now on; undefined for an ordinary answer. */
  behave(behaviour: Behaviour | undefined): void;
  stop(): Promise<void>;
}

export async function startPuppet(): Promise<Puppet> {
  let current: Behaviour | undefined;
  let acted = 0;
  const recorder = await startRecorder((request, body, response) => {
    acted += 1;
    if (current !== undefined) return perform(current, response);
    if (body.includes('"initialize"')) response.setHeader("mcp-session-id", `session-${acted}-of-the-puppet`);
    answerMinimally(request, body, response);
  });
  return {
    url: (server) => new URL(`/${server}`, recorder.url).href,
    requests: recorder.requests,
    acted: () => acted,
    behave(behaviour) {
      current = behaviour;
    },
    stop: () => recorder.stop(),
  };
}

function perform(behaviour: Behaviour, response: ServerResponse): void {
  if (behaviour === "hang") return;
  if (behaviour === "reset") return void response.destroy();
  const { status, headers, body, afterwards } = behaviour;
  response.writeHead(status, headers);
  const bytes = renderBody(body);
  if (afterwards === "end") return void response.end(bytes);
  // Reset only once the bytes have left, or they might never arrive.
  response.flushHeaders();
  response.write(bytes, () => {
    if (afterwards === "reset") response.destroy();
  });
}

function renderBody(body: Exclude<Behaviour, string>["body"]): string {
  if (typeof body === "string") return body;
  if (typeof body === "object" && body !== null && "repeat" in body && "times" in body) {
    return renderText({ repeat: String(body.repeat), times: Number(body.times) });
  }
  return JSON.stringify(body);
}

/** Two servers that speak one age each: `elder` nothing but the revisions with `initialize`, `newer` nothing but the stateless one. */
export interface Purists {
  url(server: "elder" | "newer"): string;
  /** The gateway's own question what they speak left out. */
  readonly requests: readonly Pick<RecordedRequest, "method" | "body">[];
  stop(): Promise<void>;
}

const versionError = { code: -32022, data: { supported: ["2026-07-28"], requested: "" } };
const purisms: Readonly<Record<string, { probed: [number, object]; other: object }>> = {
  elder: {
    probed: [400, { id: null, error: { code: -32000, message: "Bad Request: Server not initialized" } }],
    other: { id: null, error: { code: -32000, message: "Bad Request: Server not initialized" } },
  },
  newer: {
    probed: [200, { id: "sallyport-probe", result: { resultType: "complete", supportedVersions: ["2026-07-28"] } }],
    other: { id: null, error: { ...versionError, message: "Unsupported protocol version" } },
  },
};

/** Starts both; whatever they are sent is of the wrong age. */
export async function startPurists(): Promise<Purists> {
  const requests: { method: string; body: Buffer }[] = [];
  const server = createServer(async (request, response) => {
    const { method = "", url = "" } = request;
    const body = await buffer(request);
    const { probed, other } = purisms[url.slice(1)] ?? {};
    if (!isProbe(body)) requests.push({ method, body });
    const [status, message] = isProbe(body) ? (probed ?? [404, {}]) : [400, other];
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify({ jsonrpc: "2.0", ...message }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: (name) => `http://127.0.0.1:${port}/${name}`,
    requests,
    async stop() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}
