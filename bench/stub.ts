/**
 * The server behind every candidate: answers any call at once, with as little work as will do, and holds streams open
 * without ever saying a word on them. It serves both eras, and keeps nothing of a session.
 *
 * `node bench/stub.ts` prints `{"event":"ready","url":…}` once it listens; it ends with its stdin. GET /state tells
 * `{"connections":…,"streams":…}`, its own connection left out.
 */
import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type Call, resultOf } from "./answers.ts";
import { tools } from "./call.ts";
import { renderToolList } from "./tool-list.ts";

/** Rendered once, so that the stub does not work more than the gateway on it. */
const toolList = renderToolList();

let streams = 0;

function holdStream(response: ServerResponse): void {
  streams += 1;
  response.once("close", () => {
    streams -= 1;
  });
  response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
}

function acknowledge(response: ServerResponse, id: Call["id"]): void {
  holdStream(response);
  const params = { _meta: { "io.modelcontextprotocol/subscriptionId": id }, notifications: { toolsListChanged: true } };
  const message = { jsonrpc: "2.0", method: "notifications/subscriptions/acknowledged", params };
  response.write(`event: message\ndata: ${JSON.stringify(message)}\n\n`);
}

function answer(response: ServerResponse, call: Call): void {
  const { id, method, params } = call;
  if (method === "subscriptions/listen") acknowledge(response, id);
  else if (id === undefined) response.writeHead(202).end();
  else {
    const result = method === "tools/list" ? toolList : JSON.stringify(resultOf(call));
    const body = `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${result}}`;
    if (params?.name === tools.events) {
      response.writeHead(200, { "content-type": "text/event-stream" }).end(`event: message\ndata: ${body}\n\n`);
      return;
    }
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    const session = method === "initialize" ? { "mcp-session-id": randomUUID() } : {};
    response.writeHead(200, { ...headers, ...session }).end(body);
  }
}

function receive(request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => void chunks.push(chunk));
  request.on("end", () => answer(response, JSON.parse(Buffer.concat(chunks).toString()) as Call));
}

const server = createServer((request, response) => {
  if (request.method === "POST") receive(request, response);
  else if (request.url === "/state") tellState(response);
  else if (request.method === "GET") holdStream(response);
  else response.writeHead(200).end();
});

function tellState(response: ServerResponse): void {
  server.getConnections((_error, connections) => {
    const body = JSON.stringify({ connections: connections - 1, streams });
    response.writeHead(200, { "content-type": "application/json", connection: "close" }).end(body);
  });
}

process.stdin.resume().once("end", () => process.exit(0));
server.listen(0, "127.0.0.1", () => {
  const { port } = server.address() as AddressInfo;
  console.log(JSON.stringify({ event: "ready", url: `http://127.0.0.1:${port}/mcp` }));
});
