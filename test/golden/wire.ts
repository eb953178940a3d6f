import { once } from "node:events";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";

/** An HTTP answer as it came off the wire. */
export interface WireAnswer {
  readonly status: number;
  /** Lower-case names; of a repeated header the values in order, joined by a comma and a space. */
  readonly headers: ReadonlyMap<string, string>;
  /** Without its framing. */
  readonly body: string;
}

/** Where a connection goes. */
export interface WireAddress extends Pick<ConnectionOptions, "cert" | "key" | "session" | "minVersion" | "maxVersion"> {
  readonly host: string;
  readonly port: number;
  /** PEM of the CA to trust. */
  readonly ca: string;
  /** Address of 127.0.0.0/8 to come from. */
  readonly from?: string | undefined;
}

/** A TLS connection on which any bytes can be said, well-formed or not. */
export interface Wire {
  readonly socket: TLSSocket;
  /** Writes; resolves when the bytes have left, which nobody need wait for. */
  say(bytes: string | Uint8Array): Promise<void>;
  /** Resolves with the next answer, however it is framed. Rejects when the connection ends without a whole one. */
  hear(): Promise<WireAnswer>;
  /** What came so far and is not part of an answer that was heard. */
  received(): string;
  leave(): void;
}

/** Opens a connection; no byte of HTTP is sent. */
export async function openWire({ from, ...address }: WireAddress): Promise<Wire> {
  const socket = connect({
    ...address,
    ...(from !== undefined && { localAddress: from }),
    ALPNProtocols: ["http/1.1"],
  });
  await once(socket, "secureConnect");
  let received: Buffer = Buffer.alloc(0);
  let memory = Buffer.alloc(65_536);
  let ended: Error | true | undefined;
  let wake = () => {};
  socket.on("data", (chunk: Buffer) => {
    received = append(chunk);
    wake();
  });
  socket.on("error", (error) => {
    ended ??= error;
    wake();
  });
  for (const event of ["end", "close"]) {
    socket.on(event, () => {
      ended ??= true;
      wake();
    });
  }
  /** Memory grows by doubling, or an answer of megabytes would be copied again for each of its pieces. */
  function append(chunk: Buffer): Buffer {
    const length = received.length + chunk.length;
    const start = received.length === 0 ? 0 : received.byteOffset - memory.byteOffset;
    if (start + length > memory.length) {
      const larger = Buffer.alloc(2 * length);
      received.copy(larger);
      memory = larger;
      chunk.copy(memory, received.length);
      return memory.subarray(0, length);
    }
    chunk.copy(memory, start + received.length);
    return memory.subarray(start, start + length);
  }

  return {
    socket,
    say: (bytes) => new Promise((resolve) => socket.write(bytes, () => resolve())),
    async hear() {
      for (;;) {
        const found = readAnswer(received, ended !== undefined);
        if (found !== undefined) {
          received = received.subarray(found.length);
          if (found.answer.status >= 200) return found.answer;
          continue;
        }
        if (ended !== undefined) {
          const why = ended === true ? "the connection ended" : ended.message;
          throw new Error(`${why} after ${JSON.stringify(received.toString("latin1", 0, 300))}`);
        }
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        await promise;
      }
    },
    received: () => received.toString("utf8"),
    leave: () => void socket.destroy(),
  };
}

/** The answer at the beginning of what was received and its length in bytes, or undefined while it is not whole. */
function readAnswer(received: Buffer, ended: boolean): { answer: WireAnswer; length: number } | undefined {
  const headEnd = received.indexOf("\r\n\r\n");
  if (headEnd < 0) return undefined;
  const [statusLine = "", ...lines] = received.toString("latin1", 0, headEnd).split("\r\n");
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    headers.set(name, headers.has(name) ? `${headers.get(name)}, ${value}` : value);
  }
  const status = Number(statusLine.split(" ", 2)[1]);
  const start = headEnd + 4;
  const body = readBody(received, start, status, headers, ended);
  return body && { answer: { status, headers, body: body.text }, length: body.end };
}

function readBody(bytes: Buffer, start: number, status: number, headers: ReadonlyMap<string, string>, ended: boolean) {
  if (status < 200 || status === 204) return { text: "", end: start };
  const length = headers.get("content-length");
  if (length !== undefined) {
    const end = start + Number(length);
    return bytes.length < end ? undefined : { text: bytes.toString("utf8", start, end), end };
  }
  if (headers.get("transfer-encoding") === "chunked") return readChunks(bytes, start);
  return ended ? { text: bytes.toString("utf8", start), end: bytes.length } : undefined;
}

function readChunks(bytes: Buffer, start: number): { text: string; end: number } | undefined {
  const chunks: Buffer[] = [];
  for (let at = start; ; ) {
    const lineEnd = bytes.indexOf("\r\n", at);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(bytes.toString("latin1", at, lineEnd), 16);
    const next = lineEnd + 2 + size + 2;
    if (bytes.length < next) return undefined;
    if (size === 0) return { text: Buffer.concat(chunks).toString("utf8"), end: next };
    chunks.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = next;
  }
}
