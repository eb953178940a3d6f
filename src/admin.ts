import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Registry } from "prom-client";
import { isLoopbackHost } from "./network/url.ts";

/** What the probes ask. */
export interface Health {
  /** Why requests would be refused right now; empty when they would be served. */
  reasons(): readonly string[];
  /** State of each part, for people. */
  parts(): Readonly<Record<string, unknown>>;
}

/**
 * The admin listener: probes and metrics, never on the public one.
 *
 * - `/livez`: the process answers
 * - `/readyz`: requests would be served; 503 while draining or while the audit file cannot be written
 * - `/healthz`: the parts, in JSON
 * - `/metrics`: Prometheus
 *
 * @param host the address it listens on
 */
export function createAdminServer(health: Health, registry: Registry, host: string): Server {
  return createServer((message, response) => {
    // On a loopback address a page in a browser could get here by DNS rebinding; it cannot hide the name it came by.
    const misled = isLoopbackHost(host) && !isLoopbackHost(hostOf(message));
    if (misled) return send(response, 421, "text/plain", "misdirected request\n");
    answer(message, response, health, registry).catch(() => response.destroy());
  });
}

function hostOf({ headers }: IncomingMessage): string {
  return (headers.host ?? "localhost").replace(/:\d+$/, "");
}

async function answer(
  message: IncomingMessage,
  response: ServerResponse,
  health: Health,
  registry: Registry,
): Promise<void> {
  if (message.method !== "GET" && message.method !== "HEAD")
    return send(response, 405, "text/plain", "method not allowed\n");
  const reasons = health.reasons();
  const ready = reasons.length === 0;
  switch (message.url?.split("?", 1)[0]) {
    case "/livez":
      return send(response, 200, "text/plain", "ok\n");
    case "/readyz":
      return send(response, ready ? 200 : 503, "text/plain", ready ? "ok\n" : `${reasons.join("\n")}\n`);
    case "/healthz":
      return send(
        response,
        ready ? 200 : 503,
        "application/json",
        JSON.stringify({ ready, reasons, ...health.parts() }),
      );
    case "/metrics":
      return send(response, 200, registry.contentType, await registry.metrics());
    default:
      return send(response, 404, "text/plain", "not found\n");
  }
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { "content-type": type, "cache-control": "no-store" });
  response.end(body);
}
