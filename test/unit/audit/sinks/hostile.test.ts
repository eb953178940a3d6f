/** Peers that do anything but take records. */
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer as createHttpsServer } from "node:https";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import { afterEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { Undelivered } from "../../../../src/audit/sinks/channel.ts";
import { Poster, type PosterOptions } from "../../../../src/audit/sinks/post.ts";
import { SyslogChannel, type SyslogOptions } from "../../../../src/audit/sinks/syslog.ts";
import { ensureCertificates } from "../../../../src/quickstart/certificates.ts";
import { afterNextHead, holdDeadline } from "../../../fixtures/deadline.ts";
import { startSyslogReceiver } from "../../../fixtures/syslog-receiver.ts";
import { lineOf } from "./records.ts";

afterEach(() => void vi.unstubAllEnvs());

const patienceMs = 30_000;
const { signal } = new AbortController();

async function listen(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** Writes as long as the other side reads. */
function flood(socket: Socket, text: string): void {
  const go = () => {
    while (!socket.destroyed && socket.write(text));
  };
  socket.on("error", () => {}).on("drain", go);
  go();
}

function openPoster(url: string, changes: Partial<PosterOptions> = {}): Poster {
  const options = { url, headers: {}, ca: undefined, isPassing: () => true, patienceMs, now: Date.now };
  const poster = new Poster({ ...options, ...changes });
  onTestFinished(() => poster.destroy());
  return poster;
}

function openSyslog(port: number, tls: boolean, changes: Partial<SyslogOptions> = {}): SyslogChannel {
  const origin = { facility: "local0", host: "h", appName: "a", processId: 1, version: "1" } as const;
  const address = { tls, host: "127.0.0.1", port };
  const channel = new SyslogChannel({ address, ca: undefined, origin, patienceMs, ...changes });
  onTestFinished(() => channel.close());
  return channel;
}

it("one that sends interim answers without end is left", async () => {
  const server = createServer((socket) =>
    socket.once("data", () => flood(socket, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(100))),
  );
  const posting = openPoster(`http://127.0.0.1:${await listen(server)}/`).post({}, "a", signal);
  await expect(posting).rejects.toThrow("interim answers without end");
});

it("one that sends a few is not", async () => {
  const answer = `${"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(3)}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}`;
  const server = createServer((socket) => socket.once("data", () => socket.end(answer)));
  expect(await openPoster(`http://127.0.0.1:${await listen(server)}/`).post({}, "a", signal)).toBe("{}");
});

/** An answer whose body is announced and does not come to its end. */
const unending = (status: string) => `HTTP/1.1 ${status}\r\nContent-Length: 9\r\n\r\n{}`;

it.each([
  ["breaks off", (socket: Socket, answer: string) => void socket.end(answer)],
  ["never ends", (socket: Socket, answer: string) => void socket.write(answer)],
])("an answer that %s has said by its status what became of the records", async (how, answer) => {
  let status = "200 OK";
  let end = () => {};
  const server = createServer((socket) =>
    socket
      .on("error", () => {})
      .once("data", () => {
        if (how === "never ends") afterNextHead(end);
        answer(socket, unending(status));
      }),
  );
  const poster = openPoster(`http://127.0.0.1:${await listen(server)}/`, { isPassing: () => false });
  end = holdDeadline(patienceMs);
  expect(await poster.post({}, "a", signal)).toBe("{}");
  status = "400 Bad Request";
  end = holdDeadline(patienceMs);
  const refused = await poster.post({}, "a", signal).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(Undelivered);
  expect(refused).toMatchObject({ message: "the answer was 400", isFinal: true });
});

it("a receiver of syslog that talks without end is left, and the next batch has another connection", async () => {
  const left = Promise.withResolvers<void>();
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.resume().on("error", () => {});
    if (connections > 1) return;
    socket.on("close", left.resolve);
    flood(socket, "x".repeat(65_536));
  });
  const channel = openSyslog(await listen(server), false);
  await channel.send([lineOf(1)], signal).catch(() => {});
  await left.promise;
  expect(await channel.send([lineOf(2)], signal)).toBe(0);
});

describe.each([false, true])("a receiver of syslog, with TLS: %s,", (isTls) => {
  /** More than the system holds for a connection. */
  const lines = Array.from(
    { length: 24 },
    (_, at) => `${lineOf(at + 1).slice(0, -1)},"more":"${"x".repeat(1_000_000)}"}`,
  );

  /** Who does with each connection what the test says. */
  async function receive(accept: (socket: Socket) => void, patienceMs: number): Promise<SyslogChannel> {
    const directory = await mkdtemp(join(tmpdir(), "sallyport-hostile-"));
    onTestFinished(() => rm(directory, { recursive: true }));
    const { server, serverKey, ca } = await ensureCertificates(directory, new Date());
    const tls = { cert: await readFile(server), key: await readFile(serverKey) };
    const port = await listen(isTls ? createTlsServer(tls, accept) : createServer(accept));
    return openSyslog(port, isTls, { ca: await readFile(ca, "utf8"), patienceMs });
  }

  it("that takes longer for a batch than it may take nothing has it once", async () => {
    let connections = 0;
    const allBytes = lines.reduce((sum, line) => sum + line.length, 0);
    const channel = await receive((socket) => {
      connections += 1;
      // Twice as long as it may take nothing, by a clock that goes with what is taken: what waits in between is less than half of it.
      socket
        .on("error", () => {})
        .on("data", ({ length }: Buffer) => {
          // What was written last is taken when the test is over.
          if (vi.isFakeTimers()) vi.advanceTimersByTime((length / allBytes) * 2 * patienceMs);
        });
    }, patienceMs);
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    expect(await channel.send(lines, signal)).toBe(0);
    expect(connections).toBe(1);
  });

  it("that takes nothing is left", async () => {
    const channel = await receive((socket) => void socket.on("error", () => {}).pause(), 1_500);
    await expect(channel.send(lines, signal)).rejects.toThrow("nothing was taken within 1500 ms");
  });
});

it("no variable of the environment makes a certificate trusted", async () => {
  const directory = await mkdtemp(join(tmpdir(), "sallyport-hostile-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  const { server: certFile, serverKey } = await ensureCertificates(directory, new Date());
  const [cert, key] = [await readFile(certFile, "utf8"), await readFile(serverKey, "utf8")];
  const receiver = await startSyslogReceiver({ cert, key });
  onTestFinished(() => receiver.stop());
  const server = createHttpsServer({ cert, key }, (_request, response) => response.end("{}"));
  const url = `https://127.0.0.1:${await listen(server)}/`;
  vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0");
  await expect(openSyslog(receiver.port, true).send([lineOf(1)], signal)).rejects.toThrow("certificate");
  await expect(openPoster(url).post({}, "a", signal)).rejects.toThrow("certificate");
  expect(receiver.messages).toEqual([]);
});
