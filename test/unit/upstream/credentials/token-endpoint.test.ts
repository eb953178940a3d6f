import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { createTokenEndpoint, type EndpointKit } from "../../../../src/upstream/credentials/token-endpoint.ts";
import { afterNextHead, holdDeadline } from "../../../fixtures/deadline.ts";

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

const giveToken: Handler = (_request, response) => {
  const body = { access_token: "obtained", token_type: "Bearer", expires_in: 60 };
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
};

/** An endpoint over a server that does this, and what becomes of it. */
async function set(handler: Handler, options: { issuer?: true; kit?: Partial<EndpointKit> } = {}) {
  const state = { nowMs: 1_000_000, asked: 0, told: [] as [string, string][], handler };
  const server = createServer((request, response) => {
    if (request.method === "POST") state.asked += 1;
    state.handler(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const source = options.issuer ? { issuer: url } : { tokenEndpoint: `${url}/token` };
  const endpoint = createTokenEndpoint(source, () => ({ authorization: "Basic canary" }), "caller", {
    now: () => state.nowMs,
    chance: () => 0,
    tokenFetched: (...told) => void state.told.push(told),
    bounds: { timeoutMs: 60_000, maxBytes: 65_536 },
    ...options.kit,
  });
  return { state, url, ask: () => endpoint.request({ grant_type: "any", scope: undefined }) };
}

const impatient = { bounds: { timeoutMs: 50, maxBytes: 65_536 } };
/** Ends the time of whoever is impatient, in the test that is running. */
let end = () => {};

describe("an endpoint", () => {
  it("is sent a form, with what proves the client", async () => {
    let said = "";
    const { ask } = await set((request, response) => {
      said = `${request.method} ${request.url} ${request.headers.authorization} ${request.headers["content-type"]} `;
      request.on("data", (chunk: Buffer) => {
        said += chunk.toString();
      });
      request.once("end", () => giveToken(request, response));
    });
    expect(await ask()).toEqual({ token: "obtained", lifetimeMs: 60_000 });
    expect(said).toBe("POST /token Basic canary application/x-www-form-urlencoded grant_type=any");
  });

  it.each<[string, Handler, string, Partial<EndpointKit>?]>([
    ["says nothing", () => end(), "did not answer in time", impatient],
    [
      "begins and stops",
      (_, response) => {
        afterNextHead(end);
        response.writeHead(200).write("{");
      },
      "did not answer in time",
      impatient,
    ],
    [
      "drips",
      (_, response) => {
        afterNextHead(end);
        response.writeHead(200, { "content-type": "application/json" });
        const drip = setInterval(() => response.write(" "), 5);
        response.once("close", () => clearInterval(drip));
      },
      "did not answer in time",
      impatient,
    ],
    [
      "talks without end",
      (_, response) => {
        response.writeHead(200, { "content-type": "application/json" });
        const pour = () => {
          while (!response.destroyed && response.write(Buffer.alloc(65_536, " ")));
        };
        response.on("drain", pour);
        pour();
      },
      "is over 65536 bytes",
    ],
    ["hangs up", (_, response) => void response.destroy(), "cannot be reached (UND_ERR_SOCKET)"],
    [
      "sends it elsewhere",
      (request, response) => {
        if (request.url === "/token") response.writeHead(307, { location: "/other" }).end();
        else giveToken(request, response);
      },
      "answered 307",
    ],
    [
      "shows a page",
      (_, response) => void response.writeHead(200, { "content-type": "text/html" }).end("<p>"),
      "no JSON object",
    ],
    [
      "compresses",
      (_, response) =>
        void response
          .writeHead(200, { "content-type": "application/json", "content-encoding": "gzip" })
          .end("\x1f\x8b"),
      "no JSON object",
    ],
  ])("that %s is unavailable", async (_case, handler, detail, kit = {}) => {
    end = holdDeadline(impatient.bounds.timeoutMs);
    const { ask, state } = await set(handler, { kit });
    await expect(ask()).rejects.toMatchObject({ fault: "unavailable", message: expect.stringContaining(detail) });
    expect(state.told).toEqual([["unavailable", expect.stringContaining(detail)]]);
    expect(state.asked).toBe(1);
  });

  it("that fails is left alone for a while, longer each time, and asked again afterwards", async () => {
    const { ask, state } = await set((_, response) => void response.writeHead(503).end());
    for (const pauseMs of [500, 1_000, 2_000]) {
      await expect(ask()).rejects.toMatchObject({ message: "the token endpoint answered 503" });
      const { asked } = state;
      state.nowMs += pauseMs - 1;
      await expect(ask()).rejects.toMatchObject({
        fault: "unavailable",
        retryAfterMs: 1,
        message: "the token endpoint answered 503, and is not asked again yet",
      });
      expect(state.asked).toBe(asked);
      state.nowMs += 1;
    }
    state.handler = giveToken;
    await expect(ask()).resolves.toMatchObject({ token: "obtained" });
    expect(state.told.map(([outcome]) => outcome)).toEqual(["unavailable", "unavailable", "unavailable", "ok"]);
    state.handler = (_, response) => void response.writeHead(503).end();
    await expect(ask()).rejects.toMatchObject({ message: "the token endpoint answered 503" });
    state.nowMs += 500;
    state.handler = giveToken;
    await expect(ask()).resolves.toMatchObject({ token: "obtained" });
  });

  it("that asks for patience gets it", async () => {
    const { ask, state } = await set((_, response) => void response.writeHead(429, { "retry-after": "20" }).end());
    await expect(ask()).rejects.toMatchObject({ fault: "unavailable" });
    state.nowMs += 19_999;
    await expect(ask()).rejects.toMatchObject({ retryAfterMs: 1 });
    expect(state.asked).toBe(1);
  });

  it("that does not let the gateway is left alone too; one caller it denies is nothing to the next", async () => {
    const answer = (error: string): Handler => {
      return (_, response) =>
        void response.writeHead(400, { "content-type": "application/json" }).end(JSON.stringify({ error }));
    };
    const { ask, state } = await set(answer("invalid_grant"));
    await expect(ask()).rejects.toMatchObject({ fault: "denied" });
    await expect(ask()).rejects.toMatchObject({ fault: "denied" });
    expect(state.asked).toBe(2);
    state.handler = answer("invalid_client");
    await expect(ask()).rejects.toMatchObject({ fault: "refused" });
    await expect(ask()).rejects.toMatchObject({
      fault: "refused",
      message: expect.stringContaining("not asked again"),
    });
    expect(state.asked).toBe(3);
  });

  it("is asked again after the clock was set back", async () => {
    const { ask, state } = await set((_, response) => void response.writeHead(503).end());
    await expect(ask()).rejects.toThrow();
    state.nowMs -= 3_600_000;
    state.handler = giveToken;
    await expect(ask()).resolves.toMatchObject({ token: "obtained" });
  });
});

describe("an endpoint that is discovered", () => {
  const document = (url: string, changes: object = {}) =>
    JSON.stringify({ issuer: url, token_endpoint: `${url}/token`, ...changes });

  it("is looked for once, and again after it failed", async () => {
    let looked = 0;
    const { ask, state, url } = await set(() => {}, { issuer: true });
    const serve: Handler = (request, response) => {
      if (request.method === "POST") return giveToken(request, response);
      looked += 1;
      response.writeHead(200, { "content-type": "application/json" }).end(document(url));
    };
    state.handler = serve;
    await ask();
    await ask();
    expect(looked).toBe(1);
    state.handler = (_, response) => void response.writeHead(503).end();
    await expect(ask()).rejects.toMatchObject({ fault: "unavailable" });
    state.nowMs += 60_000;
    state.handler = serve;
    await ask();
    expect(looked).toBe(2);
  });

  it.each<[string, (url: string) => string]>([
    ["of another issuer", (url) => document(url, { issuer: "https://canary.example" })],
    ["without one", (url) => document(url, { token_endpoint: undefined })],
    ["in the clear at another machine", (url) => document(url, { token_endpoint: "http://canary.example/token" })],
    ["with credentials in it", (url) => document(url, { token_endpoint: "https://user:canary@login.example/token" })],
    ["named twice", (url) => document(url).replace("{", '{"token_endpoint":"https://canary.example/token",')],
    ["in a page", () => "<html>canary</html>"],
  ])("is not taken from a document %s", async (_case, render) => {
    const { ask, state, url } = await set(() => {}, { issuer: true });
    state.handler = (_, response) => void response.end(render(url));
    await expect(ask()).rejects.toMatchObject({ fault: "unavailable", message: expect.not.stringContaining("canary") });
    expect(state.asked).toBe(0);
  });
});
