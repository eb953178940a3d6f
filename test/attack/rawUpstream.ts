import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { type HttpText, readAllHttp } from "./httpText.ts";

/** An upstream that keeps the very bytes it was sent, and answers each request it finds in them. */
export interface RawUpstream {
  readonly url: string;
  /** `127.0.0.1:port`, what its Host header has to be. */
  readonly authority: string;
  /** Every request that arrived, by connection and order, as RFC 9112 reads the bytes. */
  requests(): HttpText[];
  /** Bytes that arrived and belong to no complete request. */
  leftover(): number;
  /** Connections that nobody has closed. */
  open(): number;
  stop(): Promise<void>;
}

/** Writes whatever it likes for a request that has arrived as a whole. */
export type RawHandler = (socket: Socket, request: HttpText) => void | Promise<void>;

/** Starts one on a free port of 127.0.0.1. */
export async function startRawUpstream(handle: RawHandler = answerPlainly): Promise<RawUpstream> {
  const connections: Buffer[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const index = connections.push(Buffer.alloc(0)) - 1;
    let answered = 0;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk: Buffer) => {
      const received = Buffer.concat([connections[index] ?? Buffer.alloc(0), chunk]);
      connections[index] = received;
      const requests = readAllHttp(received);
      for (const request of requests.slice(answered)) {
        void (async () => handle(socket, request))().catch(() => socket.destroy());
      }
      answered = requests.length;
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const authority = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `http://${authority}/mcp`,
    authority,
    requests: () => connections.flatMap(readAllHttp),
    leftover: () => connections.reduce((sum, bytes) => sum + bytes.length - (readAllHttp(bytes).at(-1)?.end ?? 0), 0),
    open: () => sockets.size,
    async stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

function answerPlainly(socket: Socket, { body }: HttpText): void {
  const { id } = body.length === 0 ? { id: undefined } : (JSON.parse(body.toString()) as { id?: unknown });
  const answer = JSON.stringify({
    jsonrpc: "2.0",
    id,
    result: { content: [{ type: "text", text: `answer ${String(id)}` }] },
  });
  socket.write(
    `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(answer)}\r\n\r\n${answer}`,
  );
}
