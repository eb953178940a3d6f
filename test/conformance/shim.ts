/**
 * A loopback proxy between the conformance suite, which can send no token, and the gateway, which wants one.
 *
 * It changes three headers of a request and nothing else: it adds Authorization, and names the gateway in Host and Origin
 * where they name the shim. A foreign Host or Origin stays what it is, so that the suite's DNS-rebinding scenario judges
 * the gateway. Bodies stream through both ways, and a side that goes away is noticed on the other.
 */
import { once } from "node:events";
import * as http from "node:http";
import * as https from "node:https";
import type { AddressInfo } from "node:net";
import { pipeline } from "node:stream";

/** Where the shim leads. */
export interface ShimOptions {
  /** The MCP endpoint behind the shim. */
  readonly target: URL;
  /** Bearer token to add, if any. */
  readonly token?: string;
  /** PEM of the CA to trust, if the target speaks TLS. */
  readonly ca?: string;
}

/** A running shim. */
export interface Shim {
  /** The target's path on the shim's own port. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Header names that speak about one connection only (RFC 9110 section 7.6.1). */
const ofTheConnection = new Set(["connection", "keep-alive", "proxy-connection", "upgrade", "te"]);

/** Starts a shim on a free port of 127.0.0.1. */
export async function startShim(options: ShimOptions): Promise<Shim> {
  const { target } = options;
  const { Agent, request: send } = target.protocol === "https:" ? https : http;
  const agent = new Agent({ keepAlive: true, ...(options.ca !== undefined && { ca: options.ca }) });
  let own = "";

  const server = http.createServer((request, response) => {
    const headers = translate(request.rawHeaders, own, options);
    const { hostname, port } = target;
    const upstream = send({ agent, hostname, port, method: request.method, path: request.url, headers });
    upstream.once("response", (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.statusMessage, translate(answer.rawHeaders, own));
      response.flushHeaders();
      pipeline(answer, response, () => upstream.destroy());
    });
    upstream.once("error", (error) => {
      if (response.headersSent) response.destroy();
      else response.writeHead(502, { "content-type": "text/plain" }).end(`The shim failed: ${error.message}\n`);
    });
    response.once("close", () => {
      if (!response.writableFinished) upstream.destroy();
    });
    request.pipe(upstream);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  own = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `http://${own}${target.pathname}`,
    stop: async () => {
      server.close();
      server.closeAllConnections();
      agent.destroy();
      await once(server, "close");
    },
  };
}

/**
 * The headers for the other side, as names and values in turn.
 *
 * @param own host and port of the shim
 * @param options given for a request only
 */
export function translate(rawHeaders: readonly string[], own: string, options?: ShimOptions): string[] {
  const headers: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? "";
    const value = rawHeaders[index + 1] ?? "";
    if (ofTheConnection.has(name.toLowerCase())) continue;
    headers.push(name, options === undefined ? value : rename(name, value, own, options.target));
  }
  if (options?.token !== undefined) headers.push("authorization", `Bearer ${options.token}`);
  return headers;
}

function rename(name: string, value: string, own: string, target: URL): string {
  const lower = name.toLowerCase();
  if (lower === "host" && value === own) return target.host;
  if (lower === "origin" && value === `http://${own}`) return target.origin;
  return value;
}
