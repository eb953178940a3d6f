import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { SyslogAddress } from "../../network/syslog.ts";
import { verified } from "../../network/verified.ts";
import type { Channel } from "./channel.ts";
import { renderSyslog, type SyslogOrigin } from "./syslog-message.ts";

export interface SyslogOptions {
  readonly address: SyslogAddress;
  /** PEM; undefined for the authorities of Node. */
  readonly ca: string | undefined;
  readonly origin: SyslogOrigin;
  /** For a connection, and for a piece of a batch to be taken, in milliseconds. */
  readonly patienceMs: number;
}

/**
 * One connection to a syslog receiver, opened when there is something to say and kept. Syslog has no acknowledgements: a batch
 * counts as delivered when the system has all of it, and one on which the connection broke is sent again on the next.
 */
export class SyslogChannel implements Channel {
  readonly most = { lines: 100, bytes: 262_144 };
  readonly #options: SyslogOptions;
  #socket: Socket | null = null;

  constructor(options: SyslogOptions) {
    this.#options = options;
  }

  async send(lines: readonly string[], signal: AbortSignal): Promise<number> {
    const { origin, patienceMs } = this.#options;
    const socket = this.#socket ?? this.#open();
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const timer = setTimeout(() => socket.destroy(new Error(`nothing was taken within ${patienceMs} ms`)), patienceMs);
    const leave = () => void socket.destroy();
    const closed = () => reject(new Error("the connection was closed"));
    signal.addEventListener("abort", leave);
    socket.once("error", reject).once("close", closed);
    const bytes = Buffer.from(lines.map((line) => renderSyslog(line, origin)).join(""));
    // On a slow line all of it may take longer than one may wait, and would then come from its beginning each time.
    const writeFrom = (at: number) => {
      timer.refresh();
      if (at >= bytes.length) return resolve(0);
      // What is written before the connection is there waits for it; with TLS, for its peer to be verified.
      socket.write(bytes.subarray(at, at + pieceBytes), (error) => {
        if (error == null) writeFrom(at + pieceBytes);
      });
    };
    writeFrom(0);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", leave);
      socket.off("error", reject).off("close", closed);
    }
  }

  close(): void {
    this.#socket?.end();
    this.#socket?.unref();
  }

  #open(): Socket {
    const { address, ca } = this.#options;
    const { host, port, tls } = address;
    const servername = isIP(host) === 0 ? { servername: host } : {};
    const trust = { ...verified, minVersion: "TLSv1.2", ...(ca === undefined ? {} : { ca }) } as const;
    const socket = tls ? connectTls({ host, port, ...servername, ...trust }) : connectTcp({ host, port });
    this.#socket = socket;
    const forget = () => {
      if (this.#socket === socket) this.#socket = null;
    };
    // Receivers say nothing; that one has gone is heard only by whoever reads.
    let heardBytes = 0;
    socket.on("data", (chunk) => {
      heardBytes += chunk.length;
      if (heardBytes > maxHeardBytes) socket.destroy(new Error("the receiver sent more than it may"));
    });
    socket.setKeepAlive(true, keepAliveMs);
    socket.on("error", forget).on("end", forget).on("close", forget);
    return socket;
  }
}

const keepAliveMs = 30_000;
/** As much as a record of TLS holds (RFC 8446 section 5.1). */
const pieceBytes = 16_384;
/** What one that talks may say in a connection: reading without end would keep calls waiting. */
const maxHeardBytes = 65_536;
