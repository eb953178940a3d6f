/** What a client can do with bytes, sockets and headers: the upstream sees a judged message in our own framing, or nothing. */
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Gateway, startGateway } from "../fixtures/gateway.ts";
import { type RawUpstream, startRawUpstream } from "./rawUpstream.ts";
import { until } from "./until.ts";
import { openWire, type Wire } from "./wire.ts";

let upstream: RawUpstream;
let gateway: Gateway;
let host: string;
let token: string;
let lastId = 0;

beforeAll(async () => {
  upstream = await startRawUpstream();
  const rate = { requests: 100_000 };
  gateway = await startGateway({
    servers: { everything: upstream.url },
    configOverrides: { limits: { address: rate, identity: rate }, listen: { bodyTimeout: "8s" } },
  });
  host = new URL(gateway.publicUrl).host;
  token = await gateway.mint({ server: "everything" });
});

afterAll(async () => {
  const code = await gateway?.stop();
  await upstream?.stop();
  // No connection that an attack left behind may keep the gateway from its end.
  expect(code).toBe(0);
});

/** What a request is made of; headers as lines without their end. */
interface Parts {
  readonly verb?: string;
  readonly target?: string;
  readonly headers?: readonly string[];
  readonly body?: string;
  /** Replaces `Host`, `Authorization`, `Content-Type` or `Content-Length`; an empty text leaves the header out. */
  readonly host?: string;
  readonly authorization?: string;
  readonly length?: string;
}

function callBody(id: number): string {
  return `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"echo","arguments":{"n":9007199254740993}}}`;
}

function render(parts: Parts): string {
  const { verb = "POST", target = "/everything/mcp", headers = [], body = callBody(++lastId) } = parts;
  const lines = [
    parts.host ?? `Host: ${host}`,
    parts.authorization ?? `Authorization: Bearer ${token}`,
    "Content-Type: application/json",
    parts.length ?? `Content-Length: ${Buffer.byteLength(body)}`,
    ...headers,
  ];
  return `${verb} ${target} HTTP/1.1\r\n${lines.filter((line) => line !== "").join("\r\n")}\r\n\r\n${body}`;
}

/** Sends an ordinary call and says what came of it: its own answer, or the end of the connection. */
async function callOn(wire: Wire): Promise<"answered" | "closed"> {
  const id = ++lastId;
  wire.send(render({ body: callBody(id) }));
  const answer = await wire.answer();
  if (answer === null) return "closed";
  expect(answer.status).toBe(200);
  expect(JSON.parse(answer.body)).toEqual({
    jsonrpc: "2.0",
    id,
    result: { content: [{ type: "text", text: `answer ${id}` }] },
  });
  return "answered";
}

/** The headers that may arrive at the upstream, besides `mcp-param-*`. */
const known = new Set([
  "host",
  "connection",
  "content-type",
  "content-length",
  "accept",
  "accept-encoding",
  "mcp-protocol-version",
  "mcp-method",
  "mcp-name",
]);

/**
 * Runs an attack, then ordinary calls behind it on the same connection and on a new one: everything that the attack could
 * have sent upstream is there by then, and neither connection may have lost its place.
 *
 * @returns the status of the first answer, null when there was none, and the bodies that the attack itself brought upstream
 */
async function attack(bytes: string | Buffer, options: { ending?: boolean } = {}) {
  const before = upstream.requests().length;
  const wire = await openWire(gateway);
  wire.send(bytes);
  if (options.ending === true) wire.end();
  const first = await wire.answer();
  const firstOwn = lastId;
  const same = wire.closed || first === null ? "closed" : await callOn(wire);
  wire.destroy();
  const fresh = await openWire(gateway);
  expect(await callOn(fresh)).toBe("answered");
  fresh.destroy();
  const arrived = upstream.requests().slice(before);
  for (const { first: line, headers, body } of arrived) {
    expect(line).toBe("POST /mcp HTTP/1.1");
    const names = headers.map(([name]) => name);
    expect(names.filter((name) => !known.has(name) && !name.startsWith("mcp-param-"))).toEqual([]);
    expect(new Set(names).size).toBe(names.length);
    expect(headers).toContainEqual(["host", upstream.authority]);
    expect(headers).toContainEqual(["content-length", String(body.length)]);
  }
  expect(upstream.leftover()).toBe(0);
  const bodies = arrived.map(({ body }) => body.toString());
  const idOf = (body: string) => Number(JSON.parse(body).id);
  return {
    status: first?.status ?? null,
    answer: first,
    same,
    forwarded: bodies.filter((body) => idOf(body) <= firstOwn),
    headers: arrived.filter(({ body }) => idOf(body.toString()) <= firstOwn).map(({ headers }) => headers),
    received: wire.received(),
  };
}

const chunked = (body: string) => `${Buffer.byteLength(body).toString(16)}\r\n${body}\r\n0\r\n\r\n`;
const te = "Transfer-Encoding: chunked";

describe("requests that are refused, and bring nothing upstream", () => {
  it.each<[string, number, () => string | Buffer]>([
    ["Content-Length and Transfer-Encoding", 400, () => render({ headers: [te], body: chunked(callBody(1)) })],
    [
      "Transfer-Encoding before Content-Length",
      400,
      () => render({ host: `${te}\r\nHost: ${host}`, body: chunked(callBody(1)) }),
    ],
    ["two different Content-Length", 400, () => render({ headers: ["Content-Length: 3"] })],
    [
      "Content-Length twice, the same",
      400,
      () => render({ body: callBody(1), headers: [`Content-Length: ${callBody(1).length}`] }),
    ],
    [
      "a list of lengths",
      400,
      () => render({ body: callBody(1), length: `Content-Length: ${callBody(1).length}, ${callBody(1).length}` }),
    ],
    [
      "a length with a sign",
      400,
      () => render({ body: callBody(1), length: `Content-Length: +${callBody(1).length}` }),
    ],
    ["a negative length", 400, () => render({ length: "Content-Length: -1" })],
    ["a hexadecimal length", 400, () => render({ length: "Content-Length: 0x10" })],
    ["an empty length", 400, () => render({ length: "Content-Length:" })],
    [
      "Transfer-Encoding: xchunked",
      400,
      () => render({ length: "Transfer-Encoding: xchunked", body: chunked(callBody(1)) }),
    ],
    [
      "chunked not last",
      400,
      () => render({ length: "Transfer-Encoding: chunked, identity", body: chunked(callBody(1)) }),
    ],
    ["Transfer-Encoding twice", 400, () => render({ length: te, headers: [te], body: chunked(callBody(1)) })],
    [
      "a space before the colon",
      400,
      () => render({ length: "Transfer-Encoding : chunked", body: chunked(callBody(1)) }),
    ],
    ["a folded header", 400, () => render({ headers: ["X-Folded: one", " Content-Length: 3"] })],
    [
      "a folded Transfer-Encoding",
      400,
      () => render({ length: "Transfer-Encoding:\r\n chunked", body: chunked(callBody(1)) }),
    ],
    ["a bare LF after a header", 400, () => render({ headers: ["X-One: 1\nX-Two: 2"] })],
    ["a bare LF after the head", 400, () => render({}).replace("\r\n\r\n", "\n\n")],
    ["a bare CR in a header", 400, () => render({ headers: ["X-One: 1\rX-Two: 2"] })],
    ["NUL in a header's value", 400, () => render({ headers: ["X-One: 1\0"] })],
    ["NUL in a header's name", 400, () => render({ headers: ["Host\0: evil"] })],
    ["NUL in the target", 400, () => render({ target: "/everything/mcp\0" })],
    ["a chunk size with 0x", 400, () => render({ length: te, body: `0x${chunked(callBody(1))}` })],
    ["a chunk size beyond any integer", 400, () => render({ length: te, body: `fffffffffffffffff\r\n${callBody(1)}` })],
    ["a chunk longer than it says", 400, () => render({ length: te, body: `3\r\n${callBody(1)}\r\n0\r\n\r\n` })],
    ["a chunk that ends in LF", 400, () => render({ length: te, body: chunked(callBody(1)).replaceAll("\r\n", "\n") })],
    [
      "a length in the trailers",
      400,
      () => render({ length: te, body: chunked(callBody(1)).replace(/\r\n$/, "Content-Length: 3\r\n\r\n") }),
    ],
    ["the preface of HTTP/2", 400, () => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
    ["TLS within TLS", 400, () => Buffer.from("16030100c8010000c40303", "hex")],
    ["an absolute target, somewhere else", 404, () => render({ target: "http://elsewhere.invalid/everything/mcp" })],
    ["an absolute target, the upstream's", 404, () => render({ target: upstream.url })],
    ["two slashes", 404, () => render({ target: "//everything/mcp" })],
    ["an escaped slash", 404, () => render({ target: "/everything%2fmcp" })],
    ["an escaped letter", 404, () => render({ target: "/%65verything/mcp" })],
    ["dot segments", 404, () => render({ target: "/everything/mcp/../x" })],
    ["dot segments that lead back", 404, () => render({ target: "/x/../everything/mcp" })],
    ["a path parameter", 404, () => render({ target: "/everything/mcp;x" })],
    ["a backslash", 404, () => render({ target: "/everything\\mcp" })],
    ["capital letters", 404, () => render({ target: "/Everything/mcp" })],
    ["a path below", 404, () => render({ target: "/everything/mcp/x" })],
    ["an asterisk", 404, () => render({ target: "*", verb: "OPTIONS" })],
    ["two Host", 400, () => render({ headers: [`Host: ${host}`] })],
    ["two Host, the second in capitals", 400, () => render({ headers: ["HOST: elsewhere.invalid"] })],
    ["no Host", 421, () => render({ host: "" })],
    ["another Host", 421, () => render({ host: "Host: elsewhere.invalid" })],
    ["a Host with user information", 421, () => render({ host: `Host: ${host}@elsewhere.invalid` })],
    ["a Host with a path", 421, () => render({ host: `Host: ${host}/x` })],
    ["two Authorization", 400, () => render({ headers: [`Authorization: Bearer ${token}`] })],
    ["Authorization, then Basic", 400, () => render({ headers: ["authorization: Basic eDp5"] })],
    [
      "two tokens in one header",
      401,
      () => render({ authorization: `Authorization: Bearer ${token}, Bearer ${token}` }),
    ],
    ["a token in the query", 401, () => render({ authorization: "", target: `/everything/mcp?access_token=${token}` })],
    ["a token in Proxy-Authorization", 401, () => render({ authorization: `Proxy-Authorization: Bearer ${token}` })],
    ["a token in a twin of the header", 401, () => render({ authorization: `Authorization_: Bearer ${token}` })],
    ["two Content-Type", 400, () => render({ headers: ["Content-Type: application/json"] })],
    ["Connection that names an MCP header", 400, () => render({ headers: ["Connection: close, mcp-session-id"] })],
    ["two Mcp-Session-Id", 400, () => render({ headers: ["Mcp-Session-Id: a", "mcp-session-id: a"] })],
    [
      "two Mcp-Protocol-Version",
      400,
      () => render({ headers: ["Mcp-Protocol-Version: 2025-11-25", "MCP-PROTOCOL-VERSION: 2025-06-18"] }),
    ],
    ["two Mcp-Method", 400, () => render({ headers: ["Mcp-Method: tools/call", "Mcp-Method: tools/list"] })],
    ["two Mcp-Name", 400, () => render({ headers: ["Mcp-Name: echo", "Mcp-Name: echo"] })],
    ["two Mcp-Param-X", 400, () => render({ headers: ["Mcp-Param-X: 1", "mcp-param-x: 2"] })],
    ["two Last-Event-ID", 400, () => render({ headers: ["Last-Event-ID: 1", "Last-Event-ID: 2"] })],
    ["a compressed body", 415, () => render({ headers: ["Content-Encoding: gzip"] })],
    ["a header of 1 MiB", 431, () => render({ headers: [`X-Big: ${"x".repeat(1_048_576)}`] })],
    ["TRACE", 405, () => render({ verb: "TRACE", body: "" })],
    ["PUT", 405, () => render({ verb: "PUT" })],
  ])("%s", async (_case, status, bytes) => {
    const result = await attack(bytes());
    expect(result.forwarded).toEqual([]);
    expect(result.status).toBe(status);
  });

  it.each<[string, () => string]>([
    ["CONNECT", () => `CONNECT ${upstream.authority} HTTP/1.1\r\nHost: ${host}\r\n\r\n`],
    ["CONNECT, with a request behind it", () => `CONNECT ${host} HTTP/1.1\r\nHost: ${host}\r\n\r\n${render({})}`],
  ])("%s ends the connection", async (_case, bytes) => {
    const result = await attack(bytes());
    expect(result.forwarded).toEqual([]);
    expect(result.same).toBe("closed");
  });

  it("a body shorter than its length, and the end", async () => {
    const result = await attack(render({ length: "Content-Length: 500" }), { ending: true });
    expect(result.forwarded).toEqual([]);
  });

  it("a body shorter than its length, and silence", async () => {
    const result = await attack(render({ length: "Content-Length: 500" }));
    expect(result.forwarded).toEqual([]);
    expect(result.status).toBe(408);
  });

  it("a body shorter than its length, filled up by the next request", async () => {
    const next = render({});
    const body = callBody(++lastId);
    const result = await attack(render({ body, length: `Content-Length: ${body.length + next.length}` }) + next);
    expect(result.forwarded).toEqual([]);
    expect(result.status).toBe(400);
  });

  it.each<[string, () => string]>([
    ["an expectation nobody knows", () => render({ headers: ["Expect: the-unexpected"] })],
    ["CONNECT", () => `CONNECT ${upstream.authority} HTTP/1.1\r\nHost: ${host}\r\n\r\n`],
  ])("%s is on record like every refusal", async (_case, bytes) => {
    const countRefusals = async () => (await readFile(gateway.auditFile, "utf8")).split('"event":"refusal"').length;
    const before = await countRefusals();
    const result = await attack(bytes());
    expect(result.forwarded).toEqual([]);
    await until("a record of the refusal", async () => (await countRefusals()) > before);
  });
});

describe("requests that pass, as the judged bytes and nothing besides", () => {
  const strangers = [
    "Cookie: session=1",
    "Forwarded: for=10.0.0.1;host=elsewhere.invalid",
    "X-Forwarded-For: 10.0.0.1",
    "X-Forwarded-Host: elsewhere.invalid",
    "X-Forwarded-Proto: http",
    "X-Forwarded-User: admin",
    "X_Forwarded_User: admin",
    "X-Real-IP: 10.0.0.1",
    "X-Request-Id: chosen",
    "X-Original-URL: /admin",
    "X-HTTP-Method-Override: DELETE",
    "Proxy-Authorization: Basic eDp5",
    "Proxy-Connection: keep-alive",
    "Sallyport-Identity: forged",
    "Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "Via: 1.1 elsewhere",
    "TE: trailers",
    "Range: bytes=0-1",
    "If-None-Match: *",
    "Origin-Trial: x",
    "User-Agent: client",
  ];

  it.each<[string, (id: number) => string]>([
    ["an ordinary call", (id) => render({ body: callBody(id) })],
    ["a query", (id) => render({ body: callBody(id), target: "/everything/mcp?admin=1" })],
    ["a slash at the end", (id) => render({ body: callBody(id), target: "/everything/mcp/" })],
    ["headers that are nobody's business", (id) => render({ body: callBody(id), headers: strangers })],
    [
      "twins with underscores",
      (id) =>
        render({
          body: callBody(id),
          headers: ["mcp_session_id: stolen", "mcp_method: x", "Mcp_Name: x", "last_event_id: 1"],
        }),
    ],
    ["Connection: authorization", (id) => render({ body: callBody(id), headers: ["Connection: authorization"] })],
    [
      "Connection: content-length, host",
      (id) => render({ body: callBody(id), headers: ["Connection: content-length, host"] }),
    ],
    ["a chunked body", (id) => render({ body: chunked(callBody(id)), length: te })],
    [
      "a chunk for each byte",
      (id) => render({ body: `${[...callBody(id)].map((c) => `1\r\n${c}\r\n`).join("")}0\r\n\r\n`, length: te }),
    ],
    [
      "chunks with extensions",
      (id) => render({ body: chunked(callBody(id)).replace("\r\n", ";name=value\r\n"), length: te }),
    ],
    [
      "trailers",
      (id) =>
        render({
          body: chunked(callBody(id)).replace(
            /\r\n$/,
            "Authorization: Bearer x\r\nMcp-Session-Id: stolen\r\nHost: x\r\n\r\n",
          ),
          length: te,
        }),
    ],
    ["Expect: 100-continue", (id) => render({ body: callBody(id), headers: ["Expect: 100-continue"] })],
    // A server may ignore an offer to change protocols (RFC 9110 section 7.8); Java's client makes one with every request.
    [
      "Upgrade: h2c",
      (id) =>
        render({
          body: callBody(id),
          headers: ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"],
        }),
    ],
    [
      "Upgrade: websocket",
      (id) => render({ body: callBody(id), headers: ["Connection: Upgrade", "Upgrade: websocket"] }),
    ],
    ["HTTP/1.0", (id) => render({ body: callBody(id) }).replace("HTTP/1.1", "HTTP/1.0")],
  ])("%s", async (_case, bytes) => {
    const id = ++lastId;
    const result = await attack(bytes(id));
    expect(result.status).toBe(200);
    expect(result.forwarded).toEqual([callBody(id)]);
  });

  it("MCP headers that Connection names are refused, for they may not travel on (RFC 9110 section 7.6.1)", async () => {
    const id = ++lastId;
    const meta =
      '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}';
    const body = `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"echo",${meta}}}`;
    const mirrors = [
      "Mcp-Protocol-Version: 2026-07-28",
      "Mcp-Method: tools/call",
      "Mcp-Name: echo",
      "Mcp-Param-X: 1",
      "Mcp-Param-Y: 2",
    ];
    const result = await attack(render({ body, headers: [...mirrors, "Connection: keep-alive, Mcp-Param-X"] }));
    expect(result.status).toBe(400);
    expect(result.headers).toEqual([]);
  });
});

describe("several requests at once", () => {
  const refused: [string, (behind: string) => string][] = [
    ["a bad token", (behind) => render({ authorization: "Authorization: Bearer x" }) + behind],
    ["another host", (behind) => render({ host: "Host: elsewhere.invalid" }) + behind],
    ["a DELETE with a body", (behind) => render({ verb: "DELETE", length: te, body: chunked(behind) })],
    ["a message that is none", (behind) => render({ body: "{}" }) + behind],
  ];

  it.each(refused)("each is judged by itself when the first is refused: %s", async (_case, bytes) => {
    const before = upstream.requests().length;
    const wire = await openWire(gateway);
    const id = ++lastId;
    const hidden = render({ body: callBody(id) });
    const asBody = bytes("").startsWith("DELETE");
    wire.send(bytes(hidden));
    const first = await wire.answer();
    expect(first?.status).toBeGreaterThanOrEqual(400);
    const second = asBody ? await callOn(wire) : await wire.answer();
    if (second !== null && typeof second === "object") expect(JSON.parse(second.body)).toMatchObject({ id });
    wire.destroy();
    const bodies = upstream
      .requests()
      .slice(before)
      .map(({ body }) => body.toString());
    expect(bodies.filter((body) => body === callBody(id))).toHaveLength(asBody || second === null ? 0 : 1);
    expect(upstream.leftover()).toBe(0);
  });

  it("a bad token does not ride on the good one before it", async () => {
    const before = upstream.requests().length;
    const wire = await openWire(gateway);
    const id = ++lastId;
    wire.send(render({ body: callBody(id) }) + render({ authorization: "Authorization: Bearer x" }));
    expect((await wire.answer())?.status).toBe(200);
    expect((await wire.answer())?.status).toBe(401);
    wire.destroy();
    expect(
      upstream
        .requests()
        .slice(before)
        .map(({ body }) => body.toString()),
    ).toEqual([callBody(id)]);
  });

  it("twenty calls in one piece are answered in their order", async () => {
    const wire = await openWire(gateway);
    const ids = Array.from({ length: 20 }, () => ++lastId);
    wire.send(ids.map((id) => render({ body: callBody(id) })).join(""));
    for (const id of ids) expect(JSON.parse((await wire.answer())?.body ?? "")).toMatchObject({ id });
    wire.destroy();
  });

  it.each<[string, string]>([
    ["no HTTP", "\x00\x01 this is no request\r\n\r\n"],
    ["a body longer than its length", "0}\r\n"],
    ["both framings", `POST /everything/mcp HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n${te}\r\n\r\n0\r\n\r\n`],
  ])("bytes that are %s behind a call are not answered in its place", async (_case, garbage) => {
    const wire = await openWire(gateway);
    const id = ++lastId;
    wire.send(render({ body: callBody(id) }) + garbage);
    const first = await wire.answer();
    // Closing without an answer would do; an answer to something else would not.
    if (first !== null) {
      expect(first.status).toBe(200);
      expect(JSON.parse(first.body)).toMatchObject({ id });
    }
    wire.destroy();
  });
});
