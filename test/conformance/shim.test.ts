import { once } from "node:events";
import { request } from "node:http";
import { expect, onTestFinished, test } from "vitest";
import { type RecorderHandler, startRecorder } from "../fixtures/recorder.ts";
import { startShim } from "./shim.ts";

async function open(handler?: RecorderHandler) {
  const recorder = await startRecorder(handler);
  onTestFinished(recorder.stop);
  const shim = await startShim({ target: new URL(recorder.url), token: "a.b.c" });
  onTestFinished(shim.stop);
  return { recorder, shim, own: new URL(shim.url).host, target: new URL(recorder.url) };
}

async function post(url: string, headers: Record<string, string>) {
  const sent = request(url, { method: "POST", headers });
  sent.end('{"jsonrpc":"2.0","id":1,"method":"tools/list"}');
  const [answer] = await once(sent, "response");
  answer.resume();
  await once(answer, "end");
  return answer;
}

function valuesOf(rawHeaders: readonly string[], name: string): string[] {
  return rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === name);
}

test("adds the token and names the target where the request names the shim", async () => {
  const { recorder, shim, own, target } = await open();
  const answer = await post(shim.url, { host: own, origin: `http://${own}` });
  const [{ rawHeaders, body }] = recorder.requests as [(typeof recorder.requests)[number]];
  expect(answer.statusCode).toBe(200);
  expect(body.toString()).toBe('{"jsonrpc":"2.0","id":1,"method":"tools/list"}');
  expect(valuesOf(rawHeaders, "authorization")).toEqual(["Bearer a.b.c"]);
  expect(valuesOf(rawHeaders, "host")).toEqual([target.host]);
  expect(valuesOf(rawHeaders, "origin")).toEqual([target.origin]);
});

test("leaves a foreign Host and Origin alone", async () => {
  const { recorder, shim } = await open();
  await post(shim.url, { host: "evil.example.com", origin: "http://evil.example.com" });
  const [{ rawHeaders }] = recorder.requests as [(typeof recorder.requests)[number]];
  expect(valuesOf(rawHeaders, "host")).toEqual(["evil.example.com"]);
  expect(valuesOf(rawHeaders, "origin")).toEqual(["http://evil.example.com"]);
});

test("keeps the spelling of names and the blanks within values", async () => {
  const { recorder, shim } = await open();
  await post(shim.url, { "MCP-Method": "tools/list", "Mcp-Param-X": "a  b" });
  const [{ rawHeaders }] = recorder.requests as [(typeof recorder.requests)[number]];
  expect(rawHeaders).toContain("MCP-Method");
  expect(valuesOf(rawHeaders, "mcp-param-x")).toEqual(["a  b"]);
});

test("passes on each piece as it comes, and a client that goes away", async () => {
  const { recorder, shim } = await open((_request, _body, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write("data: first\n\n");
  });
  const sent = request(shim.url, { method: "POST" }).end("{}");
  const [answer] = await once(sent, "response");
  const [piece] = await once(answer, "data");
  expect(String(piece)).toBe("data: first\n\n");
  expect(recorder.requests[0]?.aborted).toBe(false);
  sent.destroy();
  await expect.poll(() => recorder.requests[0]?.aborted).toBe(true);
});

test("passes on a client that goes away before the answer begins", async () => {
  const { recorder, shim } = await open(() => undefined);
  const sent = request(shim.url, { method: "POST" }).end("{}");
  sent.once("error", () => undefined);
  await expect.poll(() => recorder.requests).toHaveLength(1);
  sent.destroy();
  await expect.poll(() => recorder.requests[0]?.aborted).toBe(true);
});

test("passes on an upstream that breaks off", async () => {
  const { shim } = await open((_request, _body, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write("data: first\n\n", () => response.destroy());
  });
  const sent = request(shim.url, { method: "POST" }).end("{}");
  const [answer] = await once(sent, "response");
  answer.resume();
  await expect(once(answer, "end")).rejects.toThrow("aborted");
});
