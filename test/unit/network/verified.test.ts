/** Where the gateway is a client of others, no variable of the environment makes a certificate trusted. */
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, onTestFinished, vi } from "vitest";
import { createFetchDocument, discoverEndpoint, fetchBounds } from "../../../src/auth/discovery.ts";
import { createAskIssuer } from "../../../src/auth/introspection-request.ts";
import { createSafeFetch } from "../../../src/authorization/clients/safe-fetch.ts";
import type { ServerConfig } from "../../../src/config/schema.ts";
import { Secret } from "../../../src/config/secret.ts";
import type { Keyring } from "../../../src/crypto/keyring.ts";
import { ensureCertificates } from "../../../src/quickstart/certificates.ts";
import { connectRedis } from "../../../src/state/redis.ts";
import { createTokenEndpoint } from "../../../src/upstream/credentials/token-endpoint.ts";
import { createPools } from "../../../src/upstream/transport.ts";
import { startChild } from "../../fixtures/child.ts";
import { configWith, policy, writeTree } from "../config/fixture.ts";

let directory = "";
let server: Server;
let url = "";
let requests = 0;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "sallyport-verified-"));
  const { server: certFile, serverKey } = await ensureCertificates(directory, new Date());
  const [cert, key] = [await readFile(certFile, "utf8"), await readFile(serverKey, "utf8")];
  server = createServer({ cert, key }, (_request, response) => {
    requests += 1;
    response.writeHead(200, { "content-type": "application/json" }).end('{"access_token":"a","token_type":"Bearer"}');
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});

afterAll(async () => {
  server.close();
  await rm(directory, { recursive: true });
});

beforeEach(() => {
  requests = 0;
  vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0");
});

afterEach(() => void vi.unstubAllEnvs());

function sendTo(pool: "calls" | "streams"): Promise<unknown> {
  const timeouts = { connect: 60_000, firstByte: 60_000, idle: 60_000 };
  const pools = createPools({ url: new URL(url), timeouts } as ServerConfig);
  onTestFinished(async () => void (await Promise.all([pools.calls.destroy(), pools.streams.destroy()])));
  return pools[pool].request({ origin: url, path: "/", method: "POST" });
}

function askForToken(): Promise<unknown> {
  const kit = { now: Date.now, chance: () => 0, tokenFetched: () => {} };
  return createTokenEndpoint({ tokenEndpoint: url }, () => ({}), "caller", kit).request({ grant_type: "any" });
}

/** Rejects with what the log says when Redis cannot be reached. */
async function connectState(): Promise<void> {
  const { promise, reject } = Promise.withResolvers<void>();
  const log = { debug() {}, info() {}, error() {}, warn: ({ problem }: { problem?: unknown }) => reject(problem) };
  const keyring = { fingerprint: () => "f" } as unknown as Keyring;
  const redis = connectRedis({ url: new Secret(url.replace("https", "rediss")), keyring, log, now: Date.now });
  onTestFinished(() => redis.close());
  return promise;
}

it.each<[string, () => Promise<unknown>]>([
  ["calls of a server", () => sendTo("calls")],
  ["streams of a server", () => sendTo("streams")],
  ["discovery and keys of an issuer", () => createFetchDocument(fetchBounds)(url)],
  ["introspection", () => createAskIssuer({ url, clientId: "a", clientSecret: "b" }, fetchBounds)("token")],
  ["a token endpoint", askForToken],
  ["metadata of a client", () => createSafeFetch(new Set(["127.0.0.1"]))(url)],
  ["shared state", connectState],
])("%s", async (_what, connect) => {
  const failure: unknown = await connect().then(
    () => "it was answered",
    (error: unknown) => error,
  );
  const { message, cause } = failure as { message?: string; cause?: { message: string } };
  expect(`${message} ${cause?.message} ${failure}`).toMatch(/certificate|UNABLE_TO_VERIFY/);
  expect(requests).toBe(0);
});

it("discovery says where an authority of one's own is named", async () => {
  const failure = discoverEndpoint(url, "jwks_uri", createFetchDocument(fetchBounds));
  await expect(failure).rejects.toThrow(/of no authority that is known here .*NODE_EXTRA_CA_CERTS names a file/);
});

it("the same server answers who takes any certificate", async () => {
  expect((await fetch(url)).status).toBe(200);
});

it.each([
  ["0", true],
  ["1", false],
])("serve says whether a variable that is %s was to have an effect", async (value, isSaid) => {
  const config = configWith('listen: { address: "127.0.0.1:0" }\nadmin: { address: "127.0.0.1:0" }\n');
  const house = await writeTree({ "sallyport.yaml": config, "policies/all.yaml": policy });
  const bin = fileURLToPath(new URL("../../../bin/sallyport.js", import.meta.url));
  const serve = [bin, "serve", "-c", join(house, "sallyport.yaml")];
  const child = await startChild(serve, { ...process.env, NODE_TLS_REJECT_UNAUTHORIZED: value });
  expect(await child.stop()).toBe(0);
  expect(child.errors().includes("NODE_TLS_REJECT_UNAUTHORIZED=0 has no effect")).toBe(isSaid);
});
