import { randomUUID } from "node:crypto";
import type { Socket } from "node:net";
import { Denial, type DenialCode, refusals, renderDenial } from "./denial.ts";
import type { House } from "./house.ts";

/**
 * Answers and records bytes that were no HTTP request, so that not even they pass without a trace. There is no request to
 * walk the corridor; a client that merely went away is none either.
 */
export async function refuseUnreadable(house: House, error: NodeJS.ErrnoException, socket: Socket): Promise<void> {
  const code = reasonOf(error);
  if (code === undefined || !socket.writable) return void socket.destroy();
  const requestId = randomUUID();
  const denial = new Denial(code, { detail: String(error.code) });
  house.metrics.refused(code);
  try {
    await house.audit.append({
      time: house.audit.wallTime().toISOString(),
      id: requestId,
      event: "refusal",
      peer: { ip: socket.remoteAddress ?? "", proxied: false },
      identity: null,
      server: null,
      era: null,
      session: null,
      method: null,
      target: null,
      args: null,
      decision: { effect: "deny", rule: null, policy: null, reason: code, detail: String(error.code) },
      outcome: { http: refusals[code].http, rpc: null, tool_error: null, upstream: null },
      bytes: { in: 0, out: 0 },
      ms: { total: 0, upstream: null },
    });
    socket.end(renderRaw(denial, requestId));
  } catch (cause) {
    house.log.error({ requestId, error: cause }, "audit record could not be written");
    socket.destroy();
  }
}

function reasonOf(error: NodeJS.ErrnoException): DenialCode | undefined {
  if (error.code === "HPE_HEADER_OVERFLOW") return "header_too_large";
  if (error.code === "ERR_HTTP_REQUEST_TIMEOUT") return "request_timeout";
  return error.code?.startsWith("HPE_") && error.code !== "HPE_INVALID_EOF_STATE" ? "malformed_http" : undefined;
}

function renderRaw(denial: Denial, requestId: string): string {
  const { status, headers, body } = renderDenial(denial, { requestId, mcp: false });
  const lines = Object.entries({
    ...headers,
    "x-request-id": requestId,
    "content-length": String(Buffer.byteLength(body)),
    connection: "close",
  });
  return `HTTP/1.1 ${status} Refused\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n${body}`;
}
