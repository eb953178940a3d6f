/**
 * The gateway that one would put together in an afternoon: ip-range-check, jose and http-proxy over node:http. It looks
 * at address and token only: no policy, no message, no limits, no audit.
 *
 * `node bench/stack.ts --target URL --jwks FILE --issuer URL --audience TEXT [--keep-alive]` prints
 * `{"event":"ready","url":…}` once it listens; it ends with its stdin.
 */
import { readFileSync } from "node:fs";
import { Agent, createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { parseArgs } from "node:util";
import ipRangeCheck from "ip-range-check";
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from "jose";

interface HttpProxy {
  web(request: IncomingMessage, response: ServerResponse): void;
  on(event: "error", listener: (error: Error, request: IncomingMessage, response: ServerResponse) => void): void;
}
const { createProxyServer } = createRequire(import.meta.url)("http-proxy") as {
  createProxyServer(options: { target: string; agent?: Agent }): HttpProxy;
};

const text = { type: "string" } as const;
const { values } = parseArgs({
  options: {
    target: text,
    jwks: text,
    issuer: text,
    audience: text,
    "keep-alive": { type: "boolean", default: false },
  },
});
const { target = "", jwks = "", issuer = "", audience = "" } = values;

const allowed = ["127.0.0.0/8", "::1/128"];
const keys = createLocalJWKSet(JSON.parse(readFileSync(jwks, "utf8")) as JSONWebKeySet);
const agent = values["keep-alive"] ? { agent: new Agent({ keepAlive: true }) } : {};
const proxy = createProxyServer({ target: target.replace(/\/mcp$/, ""), ...agent });
proxy.on("error", (_error, _request, response) => void response.writeHead(502).end());

const server = createServer(async (request, response) => {
  if (!ipRangeCheck(request.socket.remoteAddress ?? "", allowed)) return void response.writeHead(403).end();
  const token = request.headers.authorization?.replace(/^Bearer /, "") ?? "";
  try {
    await jwtVerify(token, keys, { issuer, audience, algorithms: ["ES256"] });
  } catch {
    return void response.writeHead(401).end();
  }
  proxy.web(request, response);
});

process.stdin.resume().once("end", () => process.exit(0));
server.listen(0, "127.0.0.1", () => {
  const { port } = server.address() as AddressInfo;
  console.log(JSON.stringify({ event: "ready", url: `http://127.0.0.1:${port}/mcp` }));
});
