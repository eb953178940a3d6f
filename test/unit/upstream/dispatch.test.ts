import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, createServer as createNetServer, type Socket } from "node:net";
import { Agent } from "undici";
import { describe, expect, it, onTestFinished } from "vitest";
import { dispatch } from "../../../src/upstream/dispatch.ts";

/** Where a server is to be found until the end of the test, and what asks it. */
async function serve(server: Server) {
  await once(server.listen(0, "127.0.0.1"), "listening");
  const agent = new Agent();
  onTestFinished(async () => {
    await agent.destroy();
    server.closeAllConnections();
    server.close();
  });
  return { agent, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** A server that answers as told, and a way to ask it. */
async function set(answer: (response: ServerResponse) => void) {
  const { agent, origin } = await serve(createServer((_request, response) => answer(response)));
  const ask = (signal = new AbortController().signal) => dispatch(agent, { origin, path: "/", method: "GET" }, signal);
  return { ask, agent, origin };
}

async function readAll(body: AsyncIterable<Buffer>): Promise<string> {
  let text = "";
  for await (const chunk of body) text += chunk.toString("latin1");
  return text;
}

describe("a body", () => {
  it("is read whole, in order, whether it comes before its reader or behind it", async () => {
    const late = await set((response) => void response.writeHead(201, { "x-a": "b" }).end("x".repeat(300_000)));
    const answer = await late.ask();
    expect(answer).toMatchObject({ statusCode: 201, headers: { "x-a": "b" } });
    expect(await readAll(answer.body)).toBe("x".repeat(300_000));
    let more: ServerResponse | undefined;
    const slow = await set((response) => {
      more = response;
      response.write("a");
    });
    const body = (await slow.ask()).body[Symbol.asyncIterator]();
    expect((await body.next()).value?.toString()).toBe("a");
    const next = body.next();
    more?.end("b");
    expect((await next).value?.toString()).toBe("b");
    expect(await body.next()).toEqual({ value: undefined, done: true });
    expect(await body.next()).toEqual({ value: undefined, done: true });
  });

  it("that was cut into single bytes is not read byte by byte", async () => {
    const sent = Promise.withResolvers<void>();
    const { ask } = await set((response) => {
      response.once("finish", sent.resolve);
      for (let count = 0; count < 1_000; count++) response.write("x");
      response.end();
    });
    const { body } = await ask();
    await sent.promise;
    await readAll((await ask()).body);
    let reads = 0;
    let length = 0;
    for await (const chunk of body) {
      reads += 1;
      length += chunk.length;
    }
    expect(length).toBe(1_000);
    expect(reads).toBeLessThan(100);
  });

  it("that nobody reads makes the server wait", async () => {
    let response: ServerResponse | undefined;
    const { ask } = await set((made) => {
      response = made;
      for (let count = 0; count < 256; count++) made.write(Buffer.alloc(65_536));
    });
    const { body } = await ask();
    const unsent = () => response?.writableLength ?? 0;
    let before: number;
    do {
      before = unsent();
      for (let turns = 0; turns < 50; turns++) await new Promise((resolve) => setImmediate(resolve));
    } while (unsent() !== before);
    expect(unsent()).toBeGreaterThan(4_194_304);
    response?.end();
    expect(await readAll(body)).toHaveLength(16_777_216);
  });

  it("that breaks off throws", async () => {
    const { ask } = await set((response) => {
      response.writeHead(200, { "content-length": "10" }).write("half");
      setImmediate(() => response.destroy());
    });
    await expect(readAll((await ask()).body)).rejects.toMatchObject({ code: "UND_ERR_SOCKET" });
  });

  it("that is given up ends its reader with the cause, and the server's work", async () => {
    const closed = Promise.withResolvers<void>();
    const { ask } = await set((response) => {
      response.once("close", closed.resolve).write("x");
    });
    const { body } = await ask();
    const reading = readAll(body);
    body.destroy(new Error("enough"));
    await expect(reading).rejects.toThrow("enough");
    await closed.promise;
    body.destroy(new Error("once more"));
    await expect(readAll(body)).rejects.toThrow("enough");
  });

  it("is given up by a reader that leaves", async () => {
    const closed = Promise.withResolvers<void>();
    const { ask } = await set((response) => void response.once("close", closed.resolve).write("x"));
    for await (const _ of (await ask()).body) break;
    await closed.promise;
  });

  it("that came whole and was given up unread is not taken for an empty one", async () => {
    const { ask } = await set((response) => void response.end("all of it"));
    const { body } = await ask();
    const reader = body[Symbol.asyncIterator]();
    // A second exchange on the same connection: by then the first has come to its end.
    await readAll((await ask()).body);
    body.destroy(new Error("enough"));
    await expect(reader.next()).rejects.toThrow("enough");
  });
});

describe("a connection that stands idle", () => {
  /** A server whose connections are known. */
  async function setSockets() {
    const arrived: string[] = [];
    const sockets: Socket[] = [];
    const server = createServer((request, response) => {
      arrived.push(String(request.url));
      response.end("x");
    });
    server.on("connection", (socket: Socket) => void sockets.push(socket));
    const { agent, origin } = await serve(server);
    const ask = (path: string, signal = new AbortController().signal) =>
      dispatch(agent, { origin, path, method: "POST", body: "x" }, signal);
    return { arrived, sockets, ask };
  }

  /** Between two looks for what has arrived, as a reset comes that meets a request. */
  const looked = () => new Promise((resolve) => setImmediate(resolve));

  it("and is reset as a request comes is given up for another one, for nothing of the request has left", async () => {
    const { arrived, sockets, ask } = await setSockets();
    await Promise.all(["/1", "/2"].map(async (path) => readAll((await ask(path)).body)));
    await looked();
    for (const socket of sockets) socket.resetAndDestroy();
    expect(await readAll((await ask("/3")).body)).toBe("x");
    expect(arrived.toSorted()).toEqual(["/1", "/2", "/3"]);
    expect(sockets).toHaveLength(3);
  });

  it("is not given up for another one by a request that nobody waits for any more", async () => {
    const { arrived, sockets, ask } = await setSockets();
    await readAll((await ask("/1")).body);
    await looked();
    for (const socket of sockets) socket.resetAndDestroy();
    const gone = new AbortController();
    const asking = ask("/2", gone.signal);
    gone.abort(new Error("left"));
    await expect(asking).rejects.toThrow("left");
    await readAll((await ask("/3")).body);
    expect(arrived).toEqual(["/1", "/3"]);
  });
});

it("a server that resets every connection before there is one is not reached, after a few attempts", async () => {
  let connections = 0;
  const server = createNetServer((socket) => {
    connections += 1;
    socket.on("error", () => {}).once("data", () => socket.resetAndDestroy());
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const agent = new Agent();
  onTestFinished(async () => {
    await agent.destroy();
    server.close();
  });
  // TLS, so that there is something to reset before the connection stands.
  const origin = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const asking = dispatch(agent, { origin, path: "/", method: "POST", body: "x" }, new AbortController().signal);
  await expect(asking).rejects.toMatchObject({ name: "Unconnected", cause: { code: "ECONNRESET" } });
  expect(connections).toBe(3);
});

describe("a signal", () => {
  it("ends the wait for a head, and for a connection", async () => {
    const { ask, agent } = await set(() => {});
    const gone = new AbortController();
    const asking = ask(gone.signal);
    gone.abort(new Error("gone"));
    await expect(asking).rejects.toThrow("gone");
    await expect(ask(gone.signal)).rejects.toThrow("gone");
    // A port that takes no connection in time; documentation addresses lead nowhere (RFC 5737).
    const never = new AbortController();
    const connecting = dispatch(agent, { origin: "http://192.0.2.1:9", path: "/", method: "GET" }, never.signal);
    never.abort(new Error("never"));
    await expect(connecting).rejects.toThrow("never");
  });

  it("ends a body", async () => {
    const { ask } = await set((response) => void response.write("x"));
    const gone = new AbortController();
    const { body } = await ask(gone.signal);
    const reading = readAll(body);
    gone.abort(new Error("gone"));
    await expect(reading).rejects.toThrow("gone");
  });

  it("does nothing any more once the answer is whole", async () => {
    const { ask } = await set((response) => void response.end("x"));
    const gone = new AbortController();
    const { body } = await ask(gone.signal);
    expect(await readAll(body)).toBe("x");
    gone.abort(new Error("gone"));
    expect(await readAll(body)).toBe("");
  });
});

it("interim answers without end are cut off", async () => {
  const { ask } = await set((response) => {
    const interim = () => {
      if (!response.destroyed) response.writeProcessing(interim);
    };
    interim();
  });
  await expect(ask()).rejects.toMatchObject({ code: "upstream_malformed" });
});
