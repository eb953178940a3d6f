/**
 * Why two well-known libraries are not in this gateway: each fault is shown in the library, and its absence here. They are
 * development dependencies for these tests and for the benchmark only.
 */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import { request as httpsRequest } from "node:https";
import { createRequire } from "node:module";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ipRangeCheck from "ip-range-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Gateway, permissivePolicy, startGateway } from "../fixtures/gateway.ts";
import { type Recorder, type RecorderHandler, startRecorder } from "../fixtures/recorder.ts";
import { type RawUpstream, startRawUpstream } from "./rawUpstream.ts";
import { until } from "./until.ts";
import { openWire } from "./wire.ts";

interface HttpProxy {
  web(request: IncomingMessage, response: ServerResponse): void;
  on(event: "error", listener: () => void): void;
}
const httpProxy = createRequire(import.meta.url)("http-proxy") as {
  createProxyServer(options: { target: string }): HttpProxy;
};

const clients = 20;
const toolCall = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "echo" } });

/** Opens an event stream and says nothing more on it; anything else is answered at once. */
const stream: RecorderHandler = (request, _body, response) => {
  if (request.url !== "/mcp") return void response.end("done");
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.write(
    'data: {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"begun"}}\n\n',
  );
};

/** http-proxy 1.18.1 in front of `target`; `closed` counts the connections of clients that are gone. */
async function startOldProxy(target: string) {
  const proxy = httpProxy.createProxyServer({ target });
  proxy.on("error", () => {});
  let closed = 0;
  const server = createServer((request, response) => proxy.web(request, response));
  server.on("connection", (socket) => socket.once("close", () => closed++));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    closed: () => closed,
    async stop() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

type Verb = "GET" | "POST";

/** Opens a stream, waits for its first event, and returns how to walk away from it. */
async function openStream(verb: Verb, url: string, headers: Record<string, string>, ca?: Buffer): Promise<() => void> {
  const send = url.startsWith("https") ? httpsRequest : httpRequest;
  const request = send(url, {
    method: verb,
    agent: false,
    headers: { accept: "application/json, text/event-stream", "content-type": "application/json", ...headers },
    ...(ca === undefined ? {} : { ca }),
  });
  request.on("error", () => {});
  request.end(verb === "POST" ? toolCall : undefined);
  const [response] = (await once(request, "response")) as [IncomingMessage];
  if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}`);
  response.on("error", () => {});
  await once(response, "data");
  return () => request.destroy();
}

/** How many streams the upstream believes to be open. */
const openAt = (upstream: Recorder) =>
  upstream.requests.filter(({ url, aborted }) => url === "/mcp" && !aborted).length;

describe("streams whose clients went away", () => {
  it.each<Verb>(["GET", "POST"])("http-proxy leaves every one open at the upstream (%s)", async (verb) => {
    const upstream = await startRecorder(stream);
    const proxy = await startOldProxy(upstream.url.replace("/mcp", ""));
    try {
      const leave = await Promise.all(Array.from({ length: clients }, () => openStream(verb, `${proxy.url}/mcp`, {})));
      for (const go of leave) go();
      await until("the proxy saw its clients go", () => proxy.closed() === clients);
      // A round trip behind it: whatever the proxy meant to send upstream about them is there by now.
      await (await fetch(`${proxy.url}/other`)).text();
      expect(openAt(upstream)).toBe(clients);
    } finally {
      await proxy.stop();
      await upstream.stop();
    }
  });

  describe("Sallyport", () => {
    let upstream: Recorder;
    let gateway: Gateway;
    beforeAll(async () => {
      upstream = await startRecorder(stream);
      gateway = await startGateway({
        servers: { everything: upstream.url },
        configOverrides: { limits: { identity: { requests: 600, streams: clients } } },
      });
    });
    afterAll(async () => {
      await gateway?.stop();
      await upstream?.stop();
    });

    it.each<Verb>(["GET", "POST"])("ends every one (%s)", async (verb) => {
      const headers = { authorization: `Bearer ${await gateway.mint({ server: "everything" })}` };
      const ca = await readFile(gateway.caFile);
      const url = `${gateway.publicUrl}/everything/mcp`;
      const before = upstream.requests.length;
      const leave = await Promise.all(Array.from({ length: clients }, () => openStream(verb, url, headers, ca)));
      expect(openAt(upstream)).toBe(clients);
      for (const go of leave) go();
      await until("the upstream saw every stream end", () => openAt(upstream) === 0);
      expect(upstream.requests.length - before).toBe(clients);
    });
  });
});

describe("a DELETE with a chunked body that is a request", () => {
  const hidden = `POST /mcp HTTP/1.1\r\nHost: upstream\r\nContent-Length: ${toolCall.length}\r\n\r\n${toolCall}`;
  const chunked = `${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`;
  let upstream: RawUpstream;
  beforeAll(async () => {
    upstream = await startRawUpstream();
  });
  afterAll(() => upstream.stop());

  it("http-proxy makes two requests of it", async () => {
    const proxy = await startOldProxy(upstream.url.replace("/mcp", ""));
    const client = connect(proxy.port, "127.0.0.1");
    try {
      // The framing of the body is the client's; http-proxy drops the header that announces it and pipes the bytes on.
      client.write(
        `DELETE /mcp HTTP/1.1\r\nHost: gateway\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n${chunked}`,
      );
      await until("two requests at the upstream", () => upstream.requests().length === 2);
      expect(upstream.requests().map(({ first }) => first)).toEqual(["DELETE /mcp HTTP/1.1", "POST /mcp HTTP/1.1"]);
      expect(upstream.requests()[1]?.body.toString()).toBe(toolCall);
    } finally {
      client.destroy();
      await proxy.stop();
    }
  });

  it.each(["DELETE", "GET"])("Sallyport refuses it and forwards nothing (%s)", async (verb) => {
    const gateway = await startGateway({ servers: { everything: upstream.url } });
    try {
      const before = upstream.requests().length;
      const wire = await openWire(gateway);
      const token = await gateway.mint({ server: "everything" });
      const host = new URL(gateway.publicUrl).host;
      wire.send(
        `${verb} /everything/mcp HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${token}\r\nTransfer-Encoding: chunked\r\n\r\n${chunked}`,
      );
      const answer = await wire.answer();
      expect(answer?.status).toBe(400);
      expect(JSON.parse(answer?.body ?? "")).toMatchObject({ error: { data: { reason: "body_unexpected" } } });
      wire.destroy();
      // A call behind it: whatever the refused request could have sent upstream is there by now.
      const behind = await openWire(gateway);
      behind.send(
        `POST /everything/mcp HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: ${toolCall.length}\r\n\r\n${toolCall}`,
      );
      expect((await behind.answer())?.status).toBe(200);
      behind.destroy();
      expect(upstream.requests()).toHaveLength(before + 1);
      expect(upstream.leftover()).toBe(0);
    } finally {
      await gateway.stop();
    }
  });
});

describe("a mistyped block of addresses", () => {
  const failOpen = ["10.0.0.0/33", "10.0.0.0-10.0.0.255", "10.0.0.*", "10.0.0.0/8,", "1O.0.0.0/8"];
  const mistyped = [...failOpen, "0x0a010203", "012.0.0.0/8"];

  it("ip-range-check answers no, so a deny list lets its addresses in", () => {
    for (const range of failOpen) expect(ipRangeCheck("10.0.0.7", range)).toBe(false);
    expect(ipRangeCheck("10.0.0.7", failOpen)).toBe(false);
    expect(ipRangeCheck("10.0.0.7", "10.0.0.0/8")).toBe(true);
  });

  it("ip-range-check takes an address in hexadecimal for one", () => {
    expect(ipRangeCheck("0x0a010203", "10.0.0.0/8")).toBe(true);
    expect(ipRangeCheck("10.1.2.3", "0x0a010203")).toBe(true);
  });

  it("Sallyport points at each, and does not start", async () => {
    const directory = await mkdtemp(join(tmpdir(), "sallyport-test-"));
    const file = join(directory, "sallyport.yaml");
    try {
      await writeFile(join(directory, "policy.yaml"), permissivePolicy);
      await writeFile(file, renderConfig(mistyped));
      const check = await runSallyport(["check", "-c", file]);
      expect(check.code).toBe(1);
      for (const index of mistyped.keys()) {
        expect(check.output).toContain(
          `sallyport.yaml:${firstLine + index}:7: network.deny[${index}]: expected an IP address or CIDR`,
        );
      }
      expect(check.output).toContain(`${mistyped.length} problems`);
      const serve = await runSallyport(["serve", "-c", file]);
      expect(serve.code).toBe(2);
      expect(serve.output).not.toContain('"event":"ready"');
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
});

/** Line of the first denied block in {@link renderConfig}. */
const firstLine = 9;

function renderConfig(deny: readonly string[]): string {
  return `version: 1
publicUrl: http://127.0.0.1:8443
listen: { address: "127.0.0.1:0" }
admin: { address: "127.0.0.1:0" }
servers: { everything: { url: "http://127.0.0.1:9/mcp" } }
policies: [policy.yaml]
network:
  deny:
${deny.map((range) => `    - ${JSON.stringify(range)}\n`).join("")}`;
}

/** Runs a command that is expected to end by itself; a gateway that starts after all is ended in the end. */
async function runSallyport(args: readonly string[]): Promise<{ code: unknown; output: string }> {
  const sallyport = fileURLToPath(new URL("../../bin/sallyport.js", import.meta.url));
  return new Promise((resolve) => {
    execFile(process.execPath, [sallyport, ...args], { timeout: 40_000 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : error.code, output: stdout + stderr });
    });
  });
}
