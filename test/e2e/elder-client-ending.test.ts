/** However a client of 2024-11-05 comes to its end: its stream, what it waits for, and the session at the server. */
import { readFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { permissivePolicy } from "../fixtures/gateway.ts";
import { answerMinimally, type Recorder, type RecorderHandler } from "../fixtures/recorder.ts";
import { readAudit, until } from "../golden/observe.ts";
import { openDoor, type PlainDoor } from "./elder-client.ts";
import { toolCall } from "./http.ts";
import { reloads, replaceFile, type Setting, set, upstreamSession, withClock } from "./setting.ts";

/** A server with sessions, their streams and their ends; calls of `never` are not answered, those of `later` and ends when released. */
function withWholeSessions(release: Promise<void> = Promise.resolve()): RecorderHandler {
  return async (request, body, response) => {
    if (request.method === "GET") {
      response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
    } else if (request.method === "DELETE") {
      await release;
      response.writeHead(200).end();
    } else if (!body.includes('"never"')) {
      if (body.includes('"later"')) await release;
      if (body.includes('"initialize"')) response.setHeader("mcp-session-id", upstreamSession);
      answerMinimally(request, body, response);
    }
  };
}

function headerOf({ rawHeaders }: Recorder["requests"][number], name: string): string | undefined {
  return rawHeaders[rawHeaders.findIndex((part) => part.toLowerCase() === name) + 1];
}

function endsAtServer({ recorder }: Setting): readonly (string | undefined)[] {
  return recorder.requests
    .filter(({ method }) => method === "DELETE")
    .map((request) => headerOf(request, "mcp-session-id"));
}

const over = ({ stream }: PlainDoor) => until("the end of the stream", () => stream.closed);

/** A door with a session whose stream at the server is open. */
async function openSession(setting: Setting): Promise<PlainDoor> {
  const door = await openDoor(setting.gateway, { token: setting.token });
  await door.begin();
  await until("the session's stream", () => setting.recorder.requests.some(({ method }) => method === "GET"));
  return door;
}

const changeSettings = async ({ gateway }: Setting) => {
  const config = parse(await readFile(gateway.configFile, "utf8"));
  config.limits.identity.concurrent = 7;
  await replaceFile(gateway.configFile, stringify(config));
  gateway.child.kill("SIGHUP");
};

describe("the session at the server ends once", () => {
  it.each<[string, (setting: Setting, door: PlainDoor) => unknown]>([
    ["the client leaves", (_setting, { stream }) => stream.destroy()],
    ["the settings change", changeSettings],
    ["the gateway stops", ({ gateway }) => gateway.child.kill("SIGTERM")],
    [
      "the policy leaves nothing",
      async ({ gateway }) => {
        const policy = permissivePolicy.replace("groups: [all]", "groups: [others]");
        await replaceFile(join(gateway.directory, "policies", "all.yaml"), policy);
        gateway.child.kill("SIGHUP");
      },
    ],
  ])("when %s", async (_how, act) => {
    const release = Promise.withResolvers<void>();
    const setting = await set({ handler: withWholeSessions(release.promise) });
    const door = await openSession(setting);
    await act(setting, door);
    await over(door);
    await until("its end at the server", () => endsAtServer(setting).length > 0);
    release.resolve();
    expect(endsAtServer(setting)).toEqual([upstreamSession]);
    const record = await until("the record", async () =>
      (await readAudit(setting.gateway)).find(({ event }) => event === "end"),
    );
    expect(record).toMatchObject({ outcome: { http: 200 }, decision: { effect: "allow", reason: null } });
    await until("its stream at the server", () =>
      setting.recorder.requests.every(({ method, aborted }) => method !== "GET" || aborted),
    );
  });

  it("when the token expires", async () => {
    const setting = await set({ handler: withWholeSessions(), nodeArgs: withClock });
    const door = await openSession(setting);
    setting.gateway.child.kill("SIGUSR2");
    await over(door);
    await until("its end at the server", () => endsAtServer(setting).length > 0);
    expect(endsAtServer(setting)).toEqual([upstreamSession]);
  });

  it("without a session nothing is ended", async () => {
    const setting = await set();
    const door = await openDoor(setting.gateway, { token: setting.token });
    await door.begin();
    door.stream.destroy();
    await until("the door to be gone", async () => (await door.post(toolCall(1))).status === 404);
    expect(new Set(setting.recorder.requests.map(({ method }) => method))).toEqual(new Set(["POST"]));
  });
});

it.each<[string, (setting: Setting) => unknown]>([
  ["the settings change", changeSettings],
  ["the gateway stops", ({ gateway }) => gateway.child.kill("SIGTERM")],
])("when %s, what the client has asked is answered before its stream ends", async (_how, act) => {
  const release = Promise.withResolvers<void>();
  const setting = await set({ handler: withWholeSessions(release.promise) });
  const door = await openSession(setting);
  await door.post(toolCall(1, "later"));
  await until("the call at the server", () => setting.recorder.requests.some(({ body }) => body.includes('"later"')));
  await act(setting);
  await until("the door takes no more", async () =>
    door.post(toolCall(2)).then(
      ({ status }) => status === 404 || status === 503,
      () => true,
    ),
  );
  expect(door.stream.closed).toBe(false);
  release.resolve();
  await over(door);
  expect(await door.answer(1)).toMatchObject({ result: {} });
  const record = await until("the record", async () =>
    (await readAudit(setting.gateway)).find((record) => JSON.stringify(record).includes('"later"')),
  );
  expect(record).toMatchObject({ outcome: { http: 200 }, decision: { effect: "allow", reason: null } });
});

it("a client that leaves while its door closes is not waited for", async () => {
  const setting = await set({ handler: withWholeSessions() });
  const door = await openSession(setting);
  await door.post(toolCall(1, "never"));
  const asked = () => setting.recorder.requests.find(({ body }) => body.includes('"never"'));
  await until("the call at the server", asked);
  await changeSettings(setting);
  await until("the door takes no more", async () => (await door.post(toolCall(2))).status === 404);
  await until("its stream at the server has ended", () =>
    setting.recorder.requests.some(({ method, aborted }) => method === "GET" && aborted),
  );
  expect(asked()).toMatchObject({ aborted: false });
  door.stream.destroy();
  await until("the call is given up", () => asked()?.aborted);
  await until("its end at the server", () => endsAtServer(setting).length > 0);
});

describe("a call whose server closes its stream, to be asked again", () => {
  const numbered = "id: 1\nretry: 10\ndata: \n\n";
  const call = async (goOn: (response: ServerResponse) => void) => {
    const handler = withWholeSessions();
    const setting = await set({
      handler(request, body, response) {
        if (request.headers["last-event-id"] === "1") return goOn(response);
        if (!body.includes('"numbered"')) return handler(request, body, response);
        response.writeHead(200, { "content-type": "text/event-stream" }).end(numbered);
      },
    });
    const door = await openSession(setting);
    await door.post(toolCall(1, "numbered"));
    return door.answer(1);
  };

  it("is answered all the same, though the client does not know how to ask", async () => {
    let times = 0;
    const answer = await call((response) => {
      times += 1;
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.end(times < 5 ? numbered : 'id: 2\ndata: {"jsonrpc":"2.0","id":1,"result":{"content":[]}}\n\n');
    });
    expect(answer).toMatchObject({ result: { content: [] } });
  });

  it("is named as lost where the server does not go on", async () => {
    const answer = await call((response) => void response.writeHead(404).end());
    expect(answer).toMatchObject({ error: { data: { reason: "upstream_closed" } } });
  });
});

it("a server that does not answer the farewell is named on record", async () => {
  const handler = withWholeSessions();
  const { gateway, recorder, token, log } = await set({
    handler: (request, ...rest) => (request.method === "DELETE" ? undefined : handler(request, ...rest)),
  });
  const door = await openDoor(gateway, { token });
  await door.begin();
  door.stream.destroy();
  await until("the farewell", () => recorder.requests.some(({ method, aborted }) => method === "DELETE" && aborted));
  const record = await until("the record", async () => (await readAudit(gateway)).find(({ event }) => event === "end"));
  expect(record.decision).toMatchObject({ effect: "allow", reason: "upstream_timeout" });
  expect(log()).not.toContain("internal_error");
});

describe("a session that is gone", () => {
  it("at the server: the client hears it, and its stream ends", async () => {
    let lost = false;
    const handler = withWholeSessions();
    const setting = await set({
      handler: (request, body, response) =>
        lost && request.method !== "GET" ? void response.writeHead(404).end() : handler(request, body, response),
    });
    const door = await openSession(setting);
    lost = true;
    expect(await door.post(toolCall(1))).toMatchObject({ status: 202 });
    expect(await door.answer(1)).toMatchObject({ error: { code: 404, data: { reason: "session_unknown" } } });
    await over(door);
    expect(await door.post(toolCall(2))).toMatchObject({ status: 404 });
  });

  it("a 404 that is an answer of the server is no end", async () => {
    const error = { code: -32_601, message: "Method not found." };
    const { gateway, token } = await set({
      handler(request, body, response) {
        if (!body.includes("tools/call")) return answerMinimally(request, body, response);
        response.writeHead(404, { "content-type": "application/json" });
        response.end(JSON.stringify({ jsonrpc: "2.0", id: 1, error }));
      },
    });
    const door = await openDoor(gateway, { token });
    await door.begin();
    await door.post(toolCall(1));
    expect(await door.answer(1)).toMatchObject({ error });
    expect(await door.post({ id: 2, method: "tools/list" })).toMatchObject({ status: 202 });
    expect(await door.answer(2)).toMatchObject({ result: { tools: [{ name: "echo" }] } });
  });
});

it("a new policy is heard of on the stream, and the stream goes on", async () => {
  const setting = await set({ handler: withWholeSessions() });
  const door = await openSession(setting);
  const denying = permissivePolicy.replace('tools: ["*"]', "tools: [other]");
  await replaceFile(join(setting.gateway.directory, "policies", "all.yaml"), denying);
  setting.gateway.child.kill("SIGHUP");
  await until("the reload", async () => (await reloads(setting.gateway)).length > 0);
  await until("the notification", () => door.heard.some(({ method }) => method === "notifications/tools/list_changed"));
  await door.post(toolCall(1));
  expect(await door.answer(1)).toMatchObject({ error: { code: 403, data: { reason: "policy_denied" } } });
});
