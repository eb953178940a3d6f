import { execFile } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { Agent, request } from "node:https";
import { connect as dialPlainly } from "node:net";
import { connect, type TLSSocket } from "node:tls";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it, onTestFinished } from "vitest";
import type { Gateway } from "../fixtures/gateway.ts";
import { readAudit, readRefusals, scrape, until } from "../golden/observe.ts";
import { set } from "./setting.ts";

const sallyport = fileURLToPath(new URL("../../bin/sallyport.js", import.meta.url));

async function dial({ publicUrl, caFile }: Gateway): Promise<TLSSocket> {
  const socket = connect({ host: "127.0.0.1", port: Number(new URL(publicUrl).port), ca: await readFile(caFile) });
  onTestFinished(() => void socket.destroy());
  socket.on("error", () => {});
  await once(socket, "secureConnect");
  return socket;
}

it.each(["TLSv1.1", "TLSv1.2", "TLSv1.3"] as const)("speaks %s only if it is 1.2 or newer", async (version) => {
  const { gateway } = await set();
  const { port } = new URL(gateway.publicUrl);
  const socket = connect({
    host: "127.0.0.1",
    port: Number(port),
    ca: await readFile(gateway.caFile),
    minVersion: version,
    maxVersion: version,
    ciphers: "DEFAULT:@SECLEVEL=0",
  });
  onTestFinished(() => void socket.destroy());
  const spoken = await once(socket, "secureConnect").then(
    () => socket.getProtocol(),
    () => null,
  );
  expect(spoken).toBe(version === "TLSv1.1" ? null : version);
});

it("sends the head of a silent stream at once, and comments that keep it open", async () => {
  const { gateway, token } = await set({
    handler: (_request, _body, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.flushHeaders();
    },
    configOverrides: { listen: { heartbeat: "100ms" } },
  });
  const outgoing = request(`${gateway.publicUrl}/alpha/mcp`, {
    ca: await readFile(gateway.caFile),
    headers: { authorization: `Bearer ${token}`, accept: "text/event-stream" },
  }).end();
  onTestFinished(() => void outgoing.destroy());
  const [response] = await once(outgoing, "response");
  expect(response.headers).toMatchObject({
    "content-type": "text/event-stream",
    "cache-control": "no-store, no-transform",
    "x-accel-buffering": "no",
  });
  let text = "";
  response.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  await until("two comments", () => text.split(": keep-alive\n\n").length > 2 || undefined);
});

it("keeps idle connections longer than usual load balancers do", async () => {
  const { gateway } = await set();
  const outgoing = request(gateway.publicUrl, {
    ca: await readFile(gateway.caFile),
    agent: new Agent({ keepAlive: true }),
  });
  const [response] = await once(outgoing.end(), "response");
  onTestFinished(() => void outgoing.destroy());
  const [, seconds] = /timeout=(\d+)/.exec(response.headers["keep-alive"]) ?? [];
  expect(Number(seconds)).toBeGreaterThan(60);
});

it("tells an old Node what to do in one sentence, instead of a stack trace", async () => {
  const old = "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.19.0' } })";
  const preload = `data:text/javascript,${encodeURIComponent(old)}`;
  const run = promisify(execFile)(process.execPath, ["--import", preload, sallyport, "serve"]);
  const { code, stderr, stdout } = await run.then(
    () => ({ code: 0, stderr: "", stdout: "" }),
    (error: { code: number; stderr: string; stdout: string }) => error,
  );
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toMatch(/^sallyport needs Node 24\.7 or newer and this is 20\.19\.0\. .*\n$/);
});

it("answers and records bytes that are no HTTP once, however many of them follow", async () => {
  const { gateway, log } = await set();
  const wire = await dial(gateway);
  for (let part = 0; part < 40; part++) wire.write("\0".repeat(1_000));
  const [answer] = (await once(wire, "data")) as [Buffer];
  expect(answer.toString()).toContain("400");
  await until("the end", () => wire.destroyed || undefined);
  const refused = (await readAudit(gateway)).filter(({ decision }) => decision.reason === "malformed_http");
  expect(refused).toMatchObject([{ outcome: { http: 400 } }]);
  expect((await readRefusals(gateway)).get("malformed_http")).toBe(1);
  expect(log()).toBe("");
});

it("shows no gauge for what there is not", async () => {
  const { gateway } = await set({ configOverrides: { listen: { tls: undefined } } });
  const metrics = await scrape(gateway);
  expect(metrics).toContain("sallyport_audit_queue_length 0");
  expect(metrics).not.toMatch(/^sallyport_(state_up|cert_expiry_timestamp_seconds)/m);
});

it("goes on when whoever sent CONNECT breaks off at once, without TLS too", async () => {
  const withoutTls = async (file: string) => {
    const text = await readFile(file, "utf8");
    await writeFile(file, text.replace(/\n {2}tls:\n.*\n.*/, "").replace("publicUrl: https:", "publicUrl: http:"));
  };
  const { gateway } = await set({ before: withoutTls });
  const { port, host } = new URL(gateway.publicUrl);
  await Promise.all(
    Array.from({ length: 40 }, async () => {
      const socket = dialPlainly(Number(port), "127.0.0.1").on("error", () => {});
      await once(socket, "connect");
      socket.write(`CONNECT elsewhere.test:443 HTTP/1.1\r\nHost: ${host}\r\n\r\n`, () => socket.resetAndDestroy());
      await once(socket, "close");
    }),
  );
  expect((await fetch(`${gateway.publicUrl}/.well-known/oauth-protected-resource/alpha/mcp`)).status).toBe(200);
});
