import { once } from "node:events";
import type { ClientRequest, IncomingMessage } from "node:http";
import { Agent, type RequestOptions, request as requestTls } from "node:https";
import { text as readText } from "node:stream/consumers";
import { connect, type TLSSocket } from "node:tls";
import type { Ledger } from "./ledger.ts";

/** A request to be sent. */
export interface Ask {
  readonly verb: "POST" | "GET" | "DELETE";
  /** Name of the server it is for. */
  readonly server: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** On a connection that nobody has used before or will after. */
  readonly alone?: boolean;
  /** Bytes of body that are promised and never sent. */
  readonly missingBytes?: number;
}

/** A request on its way. */
export interface Sent {
  readonly request: ClientRequest;
  /** Resolves when head and body, as far as there is one, were handed over; also when that failed. */
  readonly handed: Promise<void>;
  /** Null where none came. */
  readonly answer: Promise<IncomingMessage | null>;
}

/** An answer, read to its end. */
export interface Heard {
  readonly status: number;
  readonly session: string | undefined;
  /** `result`, `accepted`, a refusal's reason, or what else it is. */
  readonly outcome: string;
}

/** Sends requests to the gateway, and books each of them. */
export interface Caller {
  send(ask: Ask): Sent;
  /** Sends it, and reads the answer; null where none came. */
  exchange(ask: Ask): Promise<Heard | null>;
  /** A connection to write on byte by byte. */
  openRaw(): Promise<TLSSocket>;
  /** `host:port` of the gateway. */
  readonly host: string;
  /** Closes the connections that wait for their next request. */
  letGo(): void;
}

/** As many as a pool of a busy client has. */
const maxConnections = 24;

/**
 * @param publicUrl of the gateway
 * @param ca PEM of the CA to trust
 */
export function createCaller(publicUrl: string, ca: Buffer, ledger: Ledger): Caller {
  const { host, hostname, port } = new URL(publicUrl);
  let agent = createAgent();

  function createAgent(): Agent {
    return new Agent({ keepAlive: true, maxSockets: maxConnections, ca });
  }

  function send({ verb, server, headers, body, alone = false, missingBytes = 0 }: Ask): Sent {
    const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body) + missingBytes) };
    const options: RequestOptions = {
      ...{ host: hostname, port, path: `/${server}/mcp`, method: verb, headers: { ...headers, ...length }, ca },
      // Whose certificate is expected does not follow a Host header that lies.
      servername: "",
      agent: alone ? false : agent,
    };
    const entry = ledger.begin();
    const request = requestTls(options);
    const handed = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<IncomingMessage | null>();
    const handOver = (error?: Error | null) => {
      if (error == null) entry.headSent();
      handed.resolve();
    };
    request.once("response", (response) => {
      entry.answered(response.headers["x-request-id"] as string | undefined);
      // Whoever leaves hears of it as an error.
      response.on("error", () => {});
      answer.resolve(response);
    });
    request.on("error", () => {});
    request.once("close", () => {
      entry.end();
      handed.resolve();
      answer.resolve(null);
    });
    if (body === undefined) request.end(handOver);
    else request.write(body, handOver);
    if (body !== undefined && missingBytes === 0) request.end();
    return { request, handed: handed.promise, answer: answer.promise };
  }

  return {
    host,
    send,
    async exchange(ask) {
      const sent = send(ask);
      const answer = await sent.answer;
      if (answer === null) return null;
      const heard = await read(answer);
      await closed(sent.request);
      return heard;
    },
    async openRaw() {
      const socket = connect({ host: hostname, port: Number(port), ca, servername: "" });
      socket.on("error", () => {});
      await once(socket, "secureConnect");
      return socket;
    },
    letGo() {
      agent.destroy();
      agent = createAgent();
    },
  };
}

/** Resolves when it is closed, with an error or without. */
export function closed(connection: { readonly closed: boolean } & NodeJS.EventEmitter): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (connection.closed) resolve();
  else connection.once("close", resolve);
  return promise;
}

/** Reads an answer to its end. */
export async function read(answer: IncomingMessage): Promise<Heard> {
  const text = await readText(answer).catch(() => "cut off");
  const status = answer.statusCode ?? 0;
  const session = answer.headers["mcp-session-id"];
  return { status, session: typeof session === "string" ? session : undefined, outcome: nameOutcome(status, text) };
}

function nameOutcome(status: number, text: string): string {
  // The last one: what a server says before its answer may be anything.
  const [, reason] = /.*"reason":"([a-z_]+)"/s.exec(text.slice(-2_048)) ?? [];
  if (reason !== undefined) return reason;
  if (status === 202) return "accepted";
  if (status === 200 && text.slice(-4_096).includes('"result":')) return "result";
  return `status ${status} ${text.slice(0, 100)}`;
}
