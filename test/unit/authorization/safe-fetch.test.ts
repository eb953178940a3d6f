import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createSafeFetch, maxDocumentBytes } from "../../../src/authorization/clients/safe-fetch.ts";
import { ensureCertificates } from "../../../src/quickstart/certificates.ts";

let origin: string;
let plain: string;
let seen: string[];
let answer: (response: ServerResponse) => void;
const stops: (() => unknown)[] = [];

beforeAll(async () => {
  const directory = await mkdtemp(join(tmpdir(), "sallyport-fetch-"));
  const { ca, server: cert, serverKey } = await ensureCertificates(directory, new Date());
  const before = getCACertificates();
  setDefaultCACertificates([...before, await readFile(ca, "utf8")]);
  const serve = (request: IncomingMessage, response: ServerResponse) => {
    seen.push(request.url ?? "");
    answer(response);
  };
  const secure = createHttpsServer({ cert: await readFile(cert), key: await readFile(serverKey) }, serve);
  const open = createServer(serve);
  for (const server of [secure, open]) await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `https://localhost:${(secure.address() as AddressInfo).port}`;
  plain = `http://localhost:${(open.address() as AddressInfo).port}`;
  stops.push(
    () => secure.close().closeAllConnections(),
    () => open.close().closeAllConnections(),
    () => setDefaultCACertificates(before),
    () => rm(directory, { recursive: true }),
  );
});

afterAll(async () => {
  for (const stop of stops) await stop();
});

beforeEach(() => {
  seen = [];
  answer = (response) => response.end('{"client_name":"x","scope":"all"}');
});

const inside = createSafeFetch(new Set(["localhost"]));
const outside = createSafeFetch(new Set());

it("fetches a document, and reads it as a registration", async () => {
  const got = await inside(`${origin}/client.json`);
  expect([got.status, await got.json(), seen]).toEqual([200, { client_name: "x" }, ["/client.json"]]);
});

describe("does not connect", () => {
  it.each([
    ["to a name with an address of this machine", () => outside(`${origin}/client.json`)],
    ["to an address of this machine", () => outside(origin.replace("localhost", "127.0.0.1"))],
    ["to one that is written as a number", () => outside(origin.replace("localhost", "2130706433"))],
    ["to one in IPv6 clothes", () => outside(origin.replace("localhost", "[::ffff:127.0.0.1]"))],
    ["to the metadata of a cloud", () => outside("https://169.254.169.254/latest/meta-data")],
    ["by plain http, wherever it is", () => inside(`${plain}/client.json`)],
  ])("%s", async (_what, fetch) => {
    await expect(fetch()).rejects.toThrow();
    expect(seen).toEqual([]);
  });
});

it("follows no redirect", async () => {
  answer = (response) => response.writeHead(302, { location: `${origin}/inside` }).end();
  expect((await inside(`${origin}/client.json`)).status).toBe(302);
  expect(seen).toEqual(["/client.json"]);
});

it("reads no more than a document has", async () => {
  answer = (response) => response.end("x".repeat(maxDocumentBytes + 1));
  await expect(inside(`${origin}/client.json`)).rejects.toThrow();
});

it("breaks an answer off that does not end", async () => {
  answer = (response) => {
    const more = () => !response.destroyed && response.write("x".repeat(1_024), () => setImmediate(more));
    more();
  };
  await expect(inside(`${origin}/client.json`)).rejects.toThrow();
});
