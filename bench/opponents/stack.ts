/**
 * The gateway that one would put together in an afternoon: express with ip-range-check, express-rate-limit, jose, http-proxy
 * and pino. It looks at address and token only: no policy, no message, no audit.
 *
 * `node bench/opponents/stack.ts --target URL --jwks FILE --issuer URL --audience TEXT --log FILE` prints
 * `{"event":"ready","url":…}` once it listens; it ends with its stdin.
 */
import { readFileSync } from "node:fs";
import { Agent, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { parseArgs } from "node:util";
import ipRangeCheck from "ip-range-check";
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from "jose";
import { destination, pino } from "pino";

type Next = () => void;
type Handler = (request: IncomingMessage, response: ServerResponse, next: Next) => unknown;
interface Express {
  use(handler: Handler): void;
  listen(port: number, host: string, ready: () => void): Server;
}
interface HttpProxy {
  web(request: IncomingMessage, response: ServerResponse): void;
  on(event: "error", listener: (error: Error, request: IncomingMessage, response: ServerResponse) => void): void;
}
const require = createRequire(import.meta.url);
const express = require("express") as () => Express;
const { rateLimit } = require("express-rate-limit") as { rateLimit(options: object): Handler };
const { createProxyServer } = require("http-proxy") as {
  createProxyServer(options: { target: string; agent: Agent }): HttpProxy;
};

const text = { type: "string", default: "" } as const;
const { values } = parseArgs({ options: { target: text, jwks: text, issuer: text, audience: text, log: text } });
const { target, jwks, issuer, audience, log } = values;

const allowed = ["127.0.0.0/8", "::1/128"];
const keys = createLocalJWKSet(JSON.parse(readFileSync(jwks, "utf8")) as JSONWebKeySet);
const logger = pino(destination(log));
// Without the agent each call opens a connection, and it would be beaten for something that one line mends.
const proxy = createProxyServer({ target: target.replace(/\/mcp$/, ""), agent: new Agent({ keepAlive: true }) });
proxy.on("error", (_error, _request, response) => void response.writeHead(502).end());

const app = express();
app.use((request, response, next) => {
  if (ipRangeCheck(request.socket.remoteAddress ?? "", allowed)) next();
  else response.writeHead(403).end();
});
app.use(rateLimit({ windowMs: 60_000, limit: 1_000_000_000, standardHeaders: false, legacyHeaders: false }));
app.use(async (request, response, next) => {
  const token = request.headers.authorization?.replace(/^Bearer /, "") ?? "";
  try {
    const { payload } = await jwtVerify(token, keys, { issuer, audience, algorithms: ["ES256"] });
    response.on("finish", () => logger.info({ subject: payload.sub, status: response.statusCode }));
    next();
  } catch {
    response.writeHead(401).end();
  }
});
app.use((request, response) => proxy.web(request, response));

process.stdin.resume().once("end", () => process.exit(0));
const server = app.listen(0, "127.0.0.1", () => {
  const { port } = server.address() as AddressInfo;
  console.log(JSON.stringify({ event: "ready", url: `http://127.0.0.1:${port}/mcp` }));
});
