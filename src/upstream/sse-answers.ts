/** Answers as a Streamable HTTP server would give them, made here for a server that is none. */
import { Readable } from "node:stream";
import type { RpcId } from "../facts.ts";
import { type Body, bodyOf } from "./body.ts";
import type { ServerAnswer } from "./dispatch.ts";

/** An answer of a status alone. */
export function answerEmpty(statusCode: number): ServerAnswer {
  return { statusCode, headers: {}, body: bodyOf() };
}

/** A 400 that says what the client has to do instead. */
export function answerError(id: RpcId | null, message: string): ServerAnswer {
  const text = JSON.stringify({ jsonrpc: "2.0", id, error: { code: -32600, message } });
  return { statusCode: 400, headers: { "content-type": "application/json" }, body: bodyOf(Buffer.from(text)) };
}

/** An answer that is an event stream. */
export function answerStream(body: Body, headers: Readonly<Record<string, string>> = {}): ServerAnswer {
  return { statusCode: 200, headers: { "content-type": "text/event-stream", ...headers }, body };
}

/** An event stream that breaks off as soon as it is read: what broke behind the head is named where bodies are read. */
export function answerBroken(cause: Error): ServerAnswer {
  const body = new Readable({
    read() {
      this.destroy(cause);
    },
  });
  return answerStream(body);
}

/** The server's own answer, where it refused; of its headers only what says how to read the body. */
export function passRefusal({ statusCode, headers, body }: ServerAnswer): ServerAnswer {
  const type = headers["content-type"];
  return { statusCode, headers: typeof type === "string" ? { "content-type": type } : {}, body };
}
