import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { readMessage } from "../../../src/mcp/message.ts";
import type { ServerAnswer } from "../../../src/upstream/dispatch.ts";
import { type EraFinding, probe } from "../../../src/upstream/probe.ts";
import type { Outgoing, Transport } from "../../../src/upstream/transport.ts";

const id = "sallyport-probe";
const unknown: EraFinding = { era: "unknown" };
const legacy: EraFinding = { era: "legacy" };
const modern = (...supported: string[]): EraFinding => ({ era: "modern", supported });

/** A server that answers with this, and keeps what it was sent. */
interface Fake extends Transport {
  readonly sent: readonly Outgoing[];
  readonly body: Readable;
}

function answering(status: number, type: string | undefined, pieces: Iterable<string | Buffer>): Fake {
  const sent: Outgoing[] = [];
  const chunks = [...pieces].map((piece) => Buffer.from(piece));
  const body = Readable.from(chunks, { objectMode: false });
  return {
    sent,
    body,
    async send(outgoing): Promise<ServerAnswer> {
      sent.push(outgoing);
      return { statusCode: status, headers: type === undefined ? {} : { "content-type": type }, body };
    },
    close: async () => {},
    destroy: async () => {},
  };
}

const json = "application/json";
const sse = "text/event-stream";
const find = (status: number, body: unknown, type = json): Promise<EraFinding> =>
  probe(answering(status, type, [typeof body === "string" ? body : JSON.stringify(body)]), {});
const result = (result: unknown, changes: object = {}) => ({ jsonrpc: "2.0", id, result, ...changes });
const error = (code: unknown, data?: unknown) => ({ jsonrpc: "2.0", id, error: { code, message: "no", data } });
const discovered = (...supportedVersions: unknown[]) =>
  result({ resultType: "complete", supportedVersions, capabilities: {}, serverInfo: { name: "x", version: "1" } });

describe("what is asked", () => {
  it("is a sound request of the stateless revision, with the server's own headers", async () => {
    const server = answering(200, json, ["{}"]);
    await probe(server, { authorization: "Bearer secret", "x-tenant": "a" });
    const [outgoing] = server.sent;
    expect(server.sent).toHaveLength(1);
    expect(outgoing).toMatchObject({ kind: "request", id, method: "server/discover", endless: false });
    expect(outgoing?.headers).toMatchObject({
      authorization: "Bearer secret",
      "x-tenant": "a",
      accept: "application/json, text/event-stream",
      "content-type": "application/json",
      "mcp-protocol-version": "2026-07-28",
    });
    const headers = new Map(Object.entries(outgoing?.headers ?? {}));
    expect(readMessage(Buffer.from(outgoing?.body ?? ""), headers, 16)).toMatchObject({
      era: "modern",
      id,
      method: "server/discover",
    });
  });

  it("cannot be changed by a header of the server's that is also the protocol's", async () => {
    const server = answering(200, json, ["{}"]);
    await probe(server, { "mcp-method": "initialize", "mcp-protocol-version": "2025-11-25" });
    expect(server.sent[0]?.headers).toMatchObject({
      "mcp-method": "server/discover",
      "mcp-protocol-version": "2026-07-28",
    });
  });
});

describe("a server is modern", () => {
  it.each<[string, unknown[], string[]]>([
    ["names the stateless revision", ["2026-07-28"], ["2026-07-28"]],
    ["names others beside it", ["2025-11-25", "2026-07-28"], ["2025-11-25", "2026-07-28"]],
    ["names a later one only", ["2027-01-01"], ["2027-01-01"]],
    ["names it among what is no name", [1, null, "2026-07-28"], ["2026-07-28"]],
  ])("that %s", async (_case, versions, supported) => {
    expect(await find(200, discovered(...versions))).toEqual(modern(...supported));
    const event = `: hello\n\nevent: message\ndata: ${JSON.stringify(discovered(...versions))}\n\n`;
    expect(await find(200, event, sse)).toEqual(modern(...supported));
  });

  it("that names many; sixteen are kept", async () => {
    const versions = Array.from({ length: 40 }, (_, index) => `2030-01-${10 + index}`);
    expect(await find(200, discovered(...versions))).toEqual(modern(...versions.slice(0, 16)));
  });

  it.each<[string, number, unknown, string[]]>([
    ["header mismatch", 400, error(-32020), []],
    ["missing capability", 400, error(-32021), []],
    ["unsupported version", 400, error(-32022), []],
    ["unsupported version, with a later one", 400, error(-32022, { supported: ["2027-01-01"] }), ["2027-01-01"]],
    ["unsupported version, with status 200", 200, error(-32022, { supported: "2026-07-28" }), []],
    ["anything, with a stateless revision", 404, error(-32601, { supported: ["2026-07-28"] }), ["2026-07-28"]],
    ["it without an id", 400, { ...error(-32022), id: null }, []],
    ["it with no id at all", 400, { jsonrpc: "2.0", error: { code: -32022, message: "" } }, []],
  ])("that says so in an error: %s", async (_case, status, body, supported) => {
    expect(await find(status, body)).toEqual(modern(...supported));
    expect(await find(status, `data: ${JSON.stringify(body)}\n\n`, sse)).toEqual(modern(...supported));
  });
});

describe("a server is legacy", () => {
  it.each<[string, number, unknown]>([
    ["unsupported version, with older ones only", 400, error(-32022, { supported: ["2025-11-25", "2025-06-18"] })],
    ["unsupported version, with something else", 400, error(-32022, { supported: ["1"] })],
    ["an error of the session era", 400, { ...error(-32000), id: null }],
    ["an unknown method", 200, error(-32601)],
    ["an unknown method, with 404", 404, error(-32601)],
    ["an error without a code", 400, { jsonrpc: "2.0", id, error: {} }],
    ["older revisions only", 200, discovered("2025-11-25")],
    ["drafts that came before the stateless revision", 200, discovered("2026-01-01", "2026-07-27")],
    ["no revisions", 200, discovered()],
    ["revisions that are no list", 200, result({ supportedVersions: "2026-07-28" })],
    ["another result", 200, result({ tools: [] })],
    ["a result that is null", 200, result(null)],
    ["what is no date", 200, discovered("9", "2026-07-28-draft", "latest", "2026-07-28 ")],
    ["404 and nothing", 404, ""],
    ["400 and words", 400, "Bad Request: Server not initialized"],
    ["405", 405, "<html>"],
    ["406", 406, ""],
    ["415", 415, ""],
    ["410", 410, result({}, { id: "other" })],
  ])("that says %s", async (_case, status, body) => {
    expect(await find(status, body)).toEqual(legacy);
  });
});

describe("a server is unknown", () => {
  const proof = discovered("2026-07-28");

  it.each([401, 403, 407, 408, 429, 500, 501, 502, 503, 504, 599])(
    "that says %s, whatever else it says",
    async (status) => {
      expect(await find(status, proof)).toEqual(unknown);
      expect(await find(status, "")).toEqual(unknown);
    },
  );

  it.each<[string, string, string]>([
    ["nothing", "", json],
    ["a page", "<html>", "text/html"],
    ["half an answer", JSON.stringify(proof).slice(0, -1), json],
    ["an answer to another", JSON.stringify({ ...proof, id: "other" }), json],
    ["another's in a stream", `data: ${JSON.stringify({ ...proof, id: 1 })}\n\n`, sse],
    ["no JSON-RPC", JSON.stringify({ ...proof, jsonrpc: "1.0" }), json],
    ["a list of answers", JSON.stringify([proof]), json],
    ["a notification", JSON.stringify({ jsonrpc: "2.0", id, method: "notifications/message" }), json],
    ["two results", JSON.stringify(proof).replace("{", '{"result":{},'), json],
    ["it deeper than anyone needs", JSON.stringify(result({ a: JSON.parse("[".repeat(64) + "]".repeat(64)) })), json],
    ["an event that nothing ends", `data: ${JSON.stringify(proof)}\n`, sse],
    ["JSON that calls itself a stream", JSON.stringify(proof), sse],
    ["a stream that calls itself JSON", `data: ${JSON.stringify(proof)}\n\n`, json],
    ["bytes that are no text", "\xff\xfe", sse],
  ])("that says %s", async (_case, body, type) => {
    const bytes = body.startsWith("\xff") ? Buffer.from(body, "latin1") : body;
    expect(await probe(answering(200, type, [bytes]), {})).toEqual(unknown);
  });

  it.each([301, 302, 307])("that sends elsewhere: %s", async (status) => {
    expect(await find(status, "")).toEqual(unknown);
  });

  it("that cannot be reached", async () => {
    const silent: Transport = { ...answering(200, json, []), send: () => Promise.reject(new Error("ECONNREFUSED")) };
    expect(await probe(silent, {})).toEqual(unknown);
  });

  it("that breaks off", async () => {
    const server = answering(200, json, []);
    const send = async () => ({
      statusCode: 200,
      headers: { "content-type": json },
      body: Readable.from(
        (function* () {
          yield Buffer.from("{");
          throw new Error("reset");
        })(),
        { objectMode: false },
      ),
    });
    expect(await probe({ ...server, send }, {})).toEqual(unknown);
  });
});

describe("the body", () => {
  const text = JSON.stringify(discovered("2026-07-28"));

  it("in a stream whose type is written in capitals", async () => {
    const event = `data: ${JSON.stringify(discovered("2026-07-28"))}\n\n`;
    expect(await find(200, event, "Text/Event-Stream")).toEqual(modern("2026-07-28"));
  });

  it("may come in any pieces", async () => {
    expect(await probe(answering(200, json, [...text]), {})).toEqual(modern("2026-07-28"));
    const type = `${sse}; charset=utf-8`;
    expect(await probe(answering(200, type, [...`\ufeffid: 1\r\ndata: ${text}\r\n\r\n`]), {})).toEqual(
      modern("2026-07-28"),
    );
  });

  it("may begin with other events", async () => {
    const events = `data: \n\nid: 1\n\ndata: x\n\ndata: {"jsonrpc":"2.0","method":"notifications/message"}\n\ndata: ${text}\n\n`;
    expect(await find(200, events, sse)).toEqual(modern("2026-07-28"));
  });

  /** More than anybody would read, and then the proof. */
  function* flood(before: string, each: string, after: string): Generator<string> {
    yield before;
    for (let count = 0; count < 300; count++) yield each.repeat(1_024 / each.length);
    yield after;
  }

  it.each<[string, string, Iterable<string>]>([
    ["one value", json, flood(`${text.slice(0, -1)},"x":"`, "x", '"}')],
    ["white space", json, flood("", " ", text)],
    ["one event", sse, flood("data: ", "x", `\n\ndata: ${text}\n\n`)],
    ["events", sse, flood("", ":\n", `data: ${text}\n\n`)],
  ])("is not read beyond 256 KiB: %s", async (_case, type, pieces) => {
    const server = answering(200, type, pieces);
    expect(await probe(server, {})).toEqual(unknown);
    expect(server.body.destroyed).toBe(true);
  });

  it("of an endless stream is left as soon as it has answered", async () => {
    let told = 0;
    const body = new Readable({
      read() {
        told += 1;
        this.push(told === 1 ? `data: ${text}\n\n` : ": more\n\n");
      },
    });
    const server = {
      ...answering(200, sse, []),
      send: async () => ({ statusCode: 200, headers: { "content-type": sse }, body }),
    };
    expect(await probe(server, {})).toEqual(modern("2026-07-28"));
    expect(body.destroyed).toBe(true);
  });
});
