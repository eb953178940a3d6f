/**
 * The floor of the runtime: node:http and undici's dispatch, one buffered request and one buffered answer, and no question asked.
 * What Sallyport costs beyond it is Sallyport's; what it costs itself no gateway on Node gets rid of.
 *
 * `node bench/opponents/bare.ts --target URL --cert FILE --key FILE` prints `{"event":"ready","plain":URL,"tls":URL}` once it listens; it
 * ends with its stdin.
 */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Server } from "node:net";
import { parseArgs } from "node:util";
import { Agent, type Dispatcher } from "undici";

const text = { type: "string", default: "" } as const;
const { values } = parseArgs({ options: { target: text, cert: text, key: text } });
const { origin, pathname: path } = new URL(values.target);
const agent = new Agent({ connections: 256 });
const passed = ["content-type", "accept", "mcp-protocol-version"];

class Transfer implements Dispatcher.DispatchHandler {
  readonly #response: ServerResponse;
  readonly #chunks: Buffer[] = [];
  #status = 0;
  #type = "";

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  onRequestStart(): void {}

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: Record<string, unknown>): void {
    this.#status = status;
    this.#type = String(headers["content-type"]);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    const body = this.#chunks.length === 1 ? this.#chunks[0] : Buffer.concat(this.#chunks);
    this.#response.writeHead(this.#status, ["content-type", this.#type, "content-length", String(body?.length)]);
    this.#response.end(body);
  }

  onResponseError(): void {
    this.#response.destroy();
  }
}

function forward(request: IncomingMessage, response: ServerResponse, body: Buffer): void {
  const headers = passed.flatMap((name) => {
    const value = request.headers[name];
    return value === undefined ? [] : [name, String(value)];
  });
  agent.dispatch({ origin, path, method: "POST", headers, body }, new Transfer(response));
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => void chunks.push(chunk));
  request.on("end", () => forward(request, response, Buffer.concat(chunks)));
}

async function listen(server: Server, scheme: "http" | "https"): Promise<string> {
  await once(server.listen(0, "127.0.0.1"), "listening");
  return `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
}

process.stdin.resume().once("end", () => process.exit(0));
const secure = { cert: readFileSync(values.cert), key: readFileSync(values.key) };
const plain = await listen(createServer(answer), "http");
const tls = await listen(createTlsServer(secure, answer), "https");
console.log(JSON.stringify({ event: "ready", plain, tls }));
