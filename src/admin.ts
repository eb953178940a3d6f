import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Registry } from "prom-client";
import { startListening } from "./listener.ts";
import { type ListenAddress, renderAddress } from "./network/address.ts";
import { isLoopbackHost } from "./network/url.ts";

/** What the probes ask. */
export interface Health {
  /** Why requests would be refused right now; empty when they would be served. */
  readonly reasons: readonly string[];
  /** State of each part, for people. */
  readonly parts: Readonly<Record<string, unknown>>;
}

/** Where the admin listener has its answers from. */
export interface AdminSources {
  health(): Health | Promise<Health>;
  metrics(): Registry | Promise<Registry>;
}

/** A listener that was started. */
export interface AdminListener {
  readonly url: string;
  close(): void;
}

/**
 * Starts the admin listener: probes and metrics, never on the public one.
 *
 * - `/livez`: the process answers
 * - `/readyz`: requests would be served; 503 while draining or while the audit file cannot be written
 * - `/healthz`: the parts, in JSON
 * - `/metrics`: Prometheus
 *
 * @throws Error with code `EADDRINUSE` and the like
 */
export async function startAdmin(sources: AdminSources, address: ListenAddress): Promise<AdminListener> {
  const server = createAdminServer(sources, address.host);
  const bound = await startListening(server, address);
  return {
    url: `http://${renderAddress(bound)}`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** What an answer is made of, ready to be sent. */
interface Answers {
  health(): Promise<Health>;
  metrics(): Promise<{ readonly type: string; readonly text: string }>;
}

function createAdminServer(sources: AdminSources, host: string): Server {
  const answers: Answers = {
    health: share(async () => sources.health()),
    metrics: share(async () => {
      const registry = await sources.metrics();
      return { type: registry.contentType, text: await registry.metrics() };
    }),
  };
  return createServer((message, response) => {
    // On a loopback address a page in a browser could get here by DNS rebinding; it cannot hide the name it came by.
    const misled = isLoopbackHost(host) && !isLoopbackHost(hostOf(message));
    if (misled) return send(response, 421, "text/plain", "misdirected request\n");
    answer(message, response, answers).catch(() => response.destroy());
  });
}

/** Who asks while an answer is made shares it, and so does all that comes in one turn: a flood of questions must not take the time from requests. */
function share<Answer>(make: () => Promise<Answer>): () => Promise<Answer> {
  let making: Promise<Answer> | null = null;
  return () => {
    making ??= nextTurn()
      .then(make)
      .finally(() => {
        making = null;
      });
    return making;
  };
}

function hostOf({ headers }: IncomingMessage): string {
  return (headers.host ?? "localhost").replace(/:\d+$/, "");
}

async function answer(message: IncomingMessage, response: ServerResponse, answers: Answers): Promise<void> {
  if (message.method !== "GET" && message.method !== "HEAD") {
    response.setHeader("allow", "GET, HEAD");
    return send(response, 405, "text/plain", "method not allowed\n");
  }
  const path = message.url?.split("?", 1)[0];
  if (path === "/livez") return send(response, 200, "text/plain", "ok\n");
  if (path === "/metrics") {
    const { type, text } = await answers.metrics();
    return send(response, 200, type, text);
  }
  if (path !== "/readyz" && path !== "/healthz") return send(response, 404, "text/plain", "not found\n");
  const { reasons, parts } = await answers.health();
  const ready = reasons.length === 0;
  const status = ready ? 200 : 503;
  if (path === "/readyz") return send(response, status, "text/plain", ready ? "ok\n" : `${reasons.join("\n")}\n`);
  send(response, status, "application/json", JSON.stringify({ ready, reasons, ...parts }));
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { "content-type": type, "cache-control": "no-store" });
  response.end(body);
}
