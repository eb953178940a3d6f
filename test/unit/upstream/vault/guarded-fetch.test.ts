import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { createGuardedFetch } from "../../../../src/upstream/vault/guarded-fetch.ts";

async function listen(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const reach = (origins: readonly string[], insideHosts: readonly string[] = []) => ({
  origins: new Set(origins),
  insideHosts: new Set(insideHosts),
});

it.each<[string, RegExp]>([
  ["http://a.test/", /without TLS/],
  ["http://127.0.0.1:1/", /without TLS/],
  ["https://u:p@a.test/", /must not be asked/],
  ["https://127.0.0.1:1/", /no public address/],
  ["https://[::1]:1/", /no public address/],
  ["https://[::ffff:10.0.0.1]/", /no public address/],
  ["https://169.254.169.254/", /no public address/],
  ["https://2130706433:1/", /no public address/],
  ["https://localhost:1/", /^localhost:1 has no public address; list the host in userLogin.insideHosts/],
  ["ftp://a.test/", /must not be asked/],
])("does not ask %s for a stranger", async (url, problem) => {
  await expect(createGuardedFetch(reach(["https://other.test"]))(url)).rejects.toThrow(problem);
});

it.each<[string, (url: string) => ReturnType<typeof reach>]>([
  ["that the operator named", (url) => reach([url])],
  ["whose host the operator listed", () => reach([], ["127.0.0.1"])],
])("asks an origin %s", async (_what, reachOf) => {
  const url = await listen((request, response) => response.end(`${request.method} ${request.headers.accept}`));
  const answer = await createGuardedFetch(reachOf(url))(`${url}/x`, { method: "POST", body: "a=b" });
  expect([answer.status, answer.body.toString()]).toEqual([200, "POST application/json"]);
});

it("asks another port of a host that was named for one no more than any other", async () => {
  const url = await listen((_request, response) => response.end());
  await expect(createGuardedFetch(reach(["http://127.0.0.1:1"]))(url)).rejects.toThrow(/without TLS/);
});

it("follows no redirect, and reads no more than it may", async () => {
  const url = await listen((request, response) => {
    if (request.url === "/redirect") response.writeHead(302, { location: "/" }).end();
    else response.end("x".repeat(request.url === "/much" ? 11 : 10));
  });
  const fetch = createGuardedFetch(reach([url]), { timeoutMs: 5_000, maxBytes: 10 });
  expect((await fetch(`${url}/redirect`)).status).toBe(302);
  expect((await fetch(url)).body).toHaveLength(10);
  await expect(fetch(`${url}/much`)).rejects.toThrow("over 10 bytes");
});

it("waits no longer than it may for a head or for a body", async () => {
  const url = await listen((request, response) => {
    if (request.url === "/body") response.write("x");
  });
  const fetch = createGuardedFetch(reach([url]), { timeoutMs: 50, maxBytes: 10 });
  for (const path of ["/head", "/body"]) await expect(fetch(url + path)).rejects.toThrow(/did not answer|cannot be/);
});

it("says of a server that is not there no more than that", async () => {
  await expect(createGuardedFetch(reach(["http://127.0.0.1:1"]))("http://127.0.0.1:1/secret")).rejects.toThrow(
    /^127\.0\.0\.1:1 cannot be reached \(ECONNREFUSED\)$/,
  );
});
