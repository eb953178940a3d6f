import { EventEmitter } from "node:events";
import type { ServerResponse } from "node:http";
import { describe, expect, it } from "vitest";
import type { Receipt } from "../../../src/audit/trail.ts";
import { createReply, type EventStream, type Reply, type WholeAnswer } from "../../../src/reply.ts";

const receipt = {} as Receipt;

class Response extends EventEmitter {
  readonly heads: [number, readonly string[]][] = [];
  body = "";
  writableFinished = false;
  destroyed = false;
  writeHead(status: number, headers: readonly string[]) {
    this.heads.push([status, headers]);
    return this;
  }
  end(body = "") {
    this.body += body;
    this.writableFinished = true;
    this.emit("finish");
  }
}

class Elsewhere implements Reply {
  stream: EventStream | null = null;
  readonly sent: WholeAnswer[] = [];
  async send(_receipt: Receipt, answer: WholeAnswer) {
    this.sent.push(answer);
  }
  openStream() {
    this.stream = {} as EventStream;
    return this.stream;
  }
  divert(): never {
    throw new Error("is elsewhere already");
  }
}

function build() {
  const response = new Response();
  const reply = createReply(response as unknown as ServerResponse, 1_000, () => ["x-request-id", "r"]);
  return { response, reply, elsewhere: new Elsewhere() };
}

describe("a reply that is given elsewhere", () => {
  it("accepts the request, and says nothing more here", async () => {
    const { response, reply, elsewhere } = build();
    await reply.divert(elsewhere);
    await reply.send(receipt, { status: 200, headers: { "mcp-session-id": "s" }, body: "{}" });
    expect(response.heads).toEqual([[202, ["x-request-id", "r", "content-length", "0"]]]);
    expect(response.body).toBe("");
    expect(elsewhere.sent).toEqual([{ status: 200, headers: { "mcp-session-id": "s" }, body: "{}" }]);
    expect(reply.openStream({})).toBe(elsewhere.stream);
    expect(reply.stream).toBe(elsewhere.stream);
  });
});
