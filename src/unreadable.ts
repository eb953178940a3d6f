import { randomUUID } from "node:crypto";
import type { Server } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { describeVisit } from "./audit/describe.ts";
import { Denial, renderDenial } from "./denial.ts";
import type { House } from "./house.ts";
import { closeStalled } from "./stalled.ts";
import type { Visit } from "./visit.ts";

/**
 * Answers for bytes that are no HTTP.
 *
 * @param visitOf the visit that a connection is in the middle of, if any
 */
export function watchUnreadable(
  server: Server,
  house: House,
  visitOf: (socket: Duplex) => Pick<Visit, "arriving" | "interrupt"> | undefined,
): void {
  // What follows bytes that could not be read cannot be read either: the first of them stands for all.
  const unreadable = new WeakSet<Duplex>();
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Duplex) => {
    if (unreadable.has(socket)) {
      // The answer may still be on its way; who goes on behind it is cut off.
      if (socket.writableFinished) socket.destroy();
      return;
    }
    unreadable.add(socket);
    const visit = visitOf(socket);
    const reason = explainUnreadable(error);
    if (visit?.arriving === true && reason !== undefined) visit.interrupt(reason);
    // Bytes behind a whole request: an answer to them could be taken for the answer to the request.
    else void refuseUnreadable(house, reason, socket as Socket, visit === undefined);
  });
}

/** Why bytes could not be read as HTTP, or undefined where the client merely went away. */
function explainUnreadable({ code = "" }: NodeJS.ErrnoException): Denial | undefined {
  if (code === "HPE_HEADER_OVERFLOW") return new Denial("header_too_large", { detail: code });
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return new Denial("request_timeout", { detail: code });
  const malformed = code.startsWith("HPE_") && code !== "HPE_INVALID_EOF_STATE";
  return malformed ? new Denial("malformed_http", { detail: code }) : undefined;
}

/**
 * Records bytes that were no HTTP request, so that not even they pass without a trace, and closes the connection. There is
 * no request that could walk the corridor.
 *
 * @param answer whether to say why; only where no answer to an earlier request is still owed
 */
export async function refuseUnreadable(
  house: House,
  denial: Denial | undefined,
  socket: Socket,
  answer: boolean,
): Promise<void> {
  // Before anything is waited for: whoever leaves its own side open would keep its place among the connections for ever, and an error of a
  // connection that the server has given away would end the process.
  closeStalled(socket);
  if (denial === undefined || !socket.writable) return void socket.destroy();
  const requestId = randomUUID();
  house.metrics.refused(denial.code);
  try {
    const arrival = { requestId, remoteAddress: socket.remoteAddress ?? "" };
    const outcome = { http: answer ? denial.row.http : null, denial };
    const times = { time: house.audit.wallTime(), totalMs: 0, upstreamMs: null };
    const visit = { arrival, recording: null, facts: {}, args: null, outcome, ...times };
    await house.audit.append(describeVisit(visit, house.audit.fingerprint));
    if (answer) socket.end(renderRaw(denial, requestId));
    else socket.destroy();
  } catch (cause) {
    house.log.error({ requestId, error: cause }, "audit record could not be written");
    socket.destroy();
  }
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
