/** Servers behind TLS whose handshake comes to nothing: none of them has got anything of the request, and the caller is told so. */
import "reflect-metadata";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";
import { ExtendedKeyUsage } from "@peculiar/x509";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createClient } from "../e2e/http.ts";
import { createClientAuthority, type KeyPair } from "../fixtures/client-certificates.ts";
import { type Gateway, startGateway } from "../fixtures/gateway.ts";
import { readAudit, readMetric, scrape } from "../golden/observe.ts";

const body = '{"jsonrpc":"2.0","id":7,"result":{"content":[]}}';
const head = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n`;

/** Answers whatever arrives. */
const serve = (options: TlsOptions) =>
  createTlsServer(options, (socket) => void socket.once("data", () => socket.end(head + body))).on(
    "tlsClientError",
    () => {},
  );

const local = { names: [{ type: "ip", value: "127.0.0.1" }] } as const;
const servers = new Map<string, Server>();
let directory: string;
let gateway: Gateway;
beforeAll(async () => {
  const [known, unknown] = await Promise.all([createClientAuthority("known"), createClientAuthority("unknown")]);
  const usage = ExtendedKeyUsage.serverAuth;
  const sound: KeyPair = await known.sign({ ...local, usage });
  servers.set("sound", serve(sound));
  servers.set("unknown", serve(await unknown.sign({ ...local, usage })));
  servers.set("named-otherwise", serve(await known.sign({ names: [{ type: "dns", value: "other.test" }], usage })));
  servers.set("for-clients-only", serve(await known.sign(local)));
  servers.set("expired", serve(await known.sign({ ...local, usage, notAfter: new Date(Date.now() - 1_000) })));
  servers.set("old", serve({ ...sound, minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" }));
  servers.set(
    "plain",
    createServer((socket) => void socket.once("data", () => socket.end(head + body))),
  );
  servers.set(
    "gone",
    createServer((socket) => void socket.once("data", () => socket.resetAndDestroy())),
  );
  const urls = await Promise.all(
    [...servers].map(async ([name, server]) => {
      await once(server.listen(0, "127.0.0.1"), "listening");
      return [name, { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}/mcp` }] as const;
    }),
  );
  directory = await mkdtemp(join(tmpdir(), "sallyport-tls-"));
  const authorities = join(directory, "ca.pem");
  await writeFile(authorities, known.cert);
  gateway = await startGateway({ servers: Object.fromEntries(urls), env: { NODE_EXTRA_CA_CERTS: authorities } });
});
afterAll(async () => {
  await gateway?.stop();
  for (const server of servers.values()) server.close();
  await rm(directory, { recursive: true, force: true });
});

async function call(server: string) {
  const client = await createClient(gateway, server, await gateway.mint({ server }));
  try {
    const { message } = await client.post({ id: 7, method: "tools/call", params: { name: "echo" } });
    const records = (await readAudit(gateway)).filter((record) => record.server === server);
    const up = readMetric(await scrape(gateway), "sallyport_upstream_up", "server").get(server);
    return { message, reasons: records.map(({ decision: { reason } }) => reason), up };
  } finally {
    await client.close();
  }
}

it("one whose certificate is sound is answered for", async () => {
  expect(await call("sound")).toMatchObject({ message: JSON.parse(body), reasons: [null], up: 1 });
});

it.each(["unknown", "named-otherwise", "for-clients-only", "expired", "old", "plain", "gone"])(
  "one that is %s cannot be reached",
  async (server) => {
    const reason = "upstream_unreachable";
    expect(await call(server)).toMatchObject({ message: { error: { data: { reason } } }, reasons: [reason], up: 0 });
  },
);
