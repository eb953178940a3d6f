import { randomUUID } from "node:crypto";
import type { ServerConfig } from "../config/schema.ts";
import { Denial } from "../denial.ts";
import { discard } from "./body.ts";
import { dispatch, type ServerAnswer } from "./dispatch.ts";
import { answerBroken, answerEmpty, answerError, answerStream, passRefusal } from "./sse-answers.ts";
import { findProgressToken } from "./sse-recipient.ts";
import { SseSession } from "./sse-session.ts";
import { openSource } from "./sse-source.ts";
import type { Outgoing, Pools, Transport } from "./transport.ts";

/** What tests set. */
export interface SseOptions {
  readonly newId?: () => string;
  readonly maxSessions?: number;
}

/** Headers of Streamable HTTP that mean something else here, or nothing. */
const foreignHeaders = new Set(["mcp-session-id", "mcp-protocol-version", "last-event-id"]);

/**
 * HTTP with SSE (MCP 2024-11-05, Transports), made to look like Streamable HTTP: a session is a stream of the server's that
 * stays open, so sessions live in this process and end with it.
 */
export function createSseTransport(
  config: ServerConfig,
  { calls, streams }: Pools,
  { newId = randomUUID, maxSessions = 1_024 }: SseOptions = {},
): Transport {
  const sessions = new Map<string, SseSession>();
  let opening = 0;
  let closed = false;

  async function begin(outgoing: Outgoing): Promise<ServerAnswer> {
    if (outgoing.method !== "initialize") {
      return answerError(outgoing.id, "This server wants a session: begin with initialize.");
    }
    if (closed || sessions.size + opening >= maxSessions) return answerEmpty(503);
    opening += 1;
    const { headers, signal } = outgoing;
    const source = await openSource(config, streams, ownHeaders(headers), signal).finally(() => {
      opening -= 1;
    });
    if ("statusCode" in source) return source;
    const id = newId();
    const session = new SseSession(source, config.timeouts.idle, () => sessions.delete(id));
    sessions.set(id, session);
    const answer = ask(session, outgoing, { "mcp-session-id": id });
    if (closed) session.leave();
    return answer;
  }

  async function ask(session: SseSession, outgoing: Outgoing, headers = {}): Promise<ServerAnswer> {
    const { id, body, signal } = outgoing;
    const outlet = id === null ? undefined : session.expect(id, findProgressToken(body), signal);
    if (outlet === undefined) return answerError(id, "Another request with this id waits for its answer.");
    const posting = post(session, outgoing);
    // Some servers do all the work before they answer the POST, and may ask the client for something meanwhile.
    const begun = outlet.begun.then(() => null);
    const refusal = await Promise.race([posting, begun]).catch((cause: unknown) => {
      outlet.body.destroy();
      throw cause;
    });
    if (refusal !== null) {
      outlet.body.destroy();
      return refusal;
    }
    void posting.then((late) => late && breakOff(late), outlet.end);
    session.flush();
    const { destroyed, errored } = outlet.body;
    // Whoever gets the answer counts it out when its body closes, so it must not be closed already.
    return destroyed ? answerBroken(errored ?? new Denial("upstream_closed")) : answerStream(outlet.body, headers);

    function breakOff({ body: rest, statusCode }: ServerAnswer): void {
      rest.destroy();
      outlet?.end(new Denial("upstream_refused", { detail: `status ${statusCode}` }));
    }
  }

  /** @returns null when the server took the message, else its refusal */
  async function post(session: SseSession, { headers, body, signal }: Outgoing): Promise<ServerAnswer | null> {
    const { origin, pathname, search } = session.endpoint;
    const request = { origin, path: pathname + search, method: "POST", headers: ownHeaders(headers), body } as const;
    const response = await dispatch(calls, request, signal);
    if (response.statusCode < 200 || response.statusCode > 299) return passRefusal(response);
    void discard(response.body);
    return null;
  }

  function listen(session: SseSession, { signal }: Outgoing): ServerAnswer {
    const outlet = session.listen(signal);
    return outlet === undefined ? answerEmpty(409) : answerStream(outlet.body);
  }

  async function go(session: SseSession, outgoing: Outgoing): Promise<ServerAnswer> {
    session.touch();
    switch (outgoing.kind) {
      case "request":
        return ask(session, outgoing);
      case "notification":
      case "response":
        return (await post(session, outgoing)) ?? answerEmpty(202);
      case "listen":
        return listen(session, outgoing);
      case "end":
        session.end();
        return answerEmpty(200);
    }
  }

  return {
    async send(outgoing) {
      if (outgoing.signal.aborted) throw outgoing.signal.reason;
      const id = outgoing.headers["mcp-session-id"];
      if (id === undefined) return begin(outgoing);
      const session = sessions.get(id);
      if (session === undefined) return answerEmpty(404);
      const answer = await go(session, outgoing);
      // The client takes it for the end of its session (2025-11-25, Session Management), so it is one.
      if (answer.statusCode === 404) session.end();
      return answer;
    },
    async close() {
      closed = true;
      for (const session of sessions.values()) session.leave();
      // They are closed when every session is: until then its messages still have to get through.
      await streams.close();
      await calls.close();
    },
    async destroy() {
      closed = true;
      const cause = new Denial("upstream_reset", { detail: "closed by the gateway" });
      for (const session of sessions.values()) session.end(cause);
      await Promise.all([calls.destroy(), streams.destroy()]);
    },
  };
}

function ownHeaders(headers: Outgoing["headers"]): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !foreignHeaders.has(name)));
}
