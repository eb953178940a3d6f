import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Receipt } from "../../../src/audit/trail.ts";
import type { Door } from "../../../src/doors/doors.ts";
import { createDoorReply } from "../../../src/doors/reply.ts";
import { createStreamReader, renderEvent } from "../../../src/mcp/sse.ts";
import type { Reply } from "../../../src/reply.ts";

const receipt = {} as Receipt;

interface Scene {
  readonly reply: Reply;
  /** What happened at the door, in order: what was said, and what became of it. */
  readonly story: readonly string[];
  /** The data of what was said. */
  heard(): readonly (string | null)[];
}

function build(): Scene {
  const story: string[] = [];
  const said: string[] = [];
  const door = {
    stream: {
      async write(block: string) {
        // Whoever does not wait for the client to read shows in the order.
        await Promise.resolve();
        said.push(block);
        story.push("said");
      },
      answer: () => Promise.reject(new Error("would end the stream of the door")),
      end: () => Promise.reject(new Error("would end the stream of the door")),
    },
    begin: (sessionId: string) => void story.push(`begun ${sessionId}`),
    close: () => void story.push("closed"),
  };
  return {
    reply: createDoorReply(door as unknown as Door),
    story,
    heard: () => [...createStreamReader(1_000_000).push(Buffer.from(said.join("")))].map(({ data }) => data),
  };
}

const message = (members: object) => JSON.stringify({ jsonrpc: "2.0", ...members });
const answer = message({ id: 1, result: {} });
const session = { "mcp-session-id": "sealed" };

describe("an answer that is one body", () => {
  it.each<[string, string | Uint8Array | undefined, string[]]>([
    ["a result", answer, [answer]],
    ["bytes", Buffer.from(answer), [answer]],
    ["an error", message({ id: "a", error: { code: 1 } }), [message({ id: "a", error: { code: 1 } })]],
    ["an id of zero", message({ id: 0, result: {} }), [message({ id: 0, result: {} })]],
    ["an empty id", message({ id: "", result: {} }), [message({ id: "", result: {} })]],
    ["an error about no request", message({ error: { code: 1 } }), []],
    ["an acknowledgment", undefined, []],
    ["an empty body", "", []],
  ])("%s is said if a request waits for it", async (_case, body, expected) => {
    const { reply, heard } = build();
    await reply.send(receipt, { status: 200, ...(body !== undefined && { body }) });
    expect(heard()).toEqual(expected);
  });

  it("reaches the client as the same JSON, whatever is in it", async () => {
    await fc.assert(
      fc.asyncProperty(fc.json(), fc.boolean(), async (result, pretty) => {
        const { reply, heard } = build();
        const value = { jsonrpc: "2.0", id: 1, result: JSON.parse(result) as unknown };
        await reply.send(receipt, { status: 200, body: JSON.stringify(value, null, pretty ? 2 : 0) });
        expect(heard().map((data) => JSON.parse(String(data)))).toEqual([JSON.parse(JSON.stringify(value))]);
      }),
    );
  });

  it("begins a session after it was said", async () => {
    const { reply, story } = build();
    await reply.send(receipt, { status: 200, headers: session, body: answer });
    expect(story).toEqual(["said", "begun sealed"]);
  });

  it("begins none without a session id", async () => {
    const { reply, story } = build();
    await reply.send(receipt, { status: 200, headers: { "content-type": "application/json" }, body: answer });
    expect(story).toEqual(["said"]);
  });
});

describe("an answer that is a stream", () => {
  const say = (data: string | null, id: string | null = null) =>
    renderEvent({ id, type: data === null ? null : "message", data, retryMs: null });

  it("says messages, and leaves out what only carries an id or a time", async () => {
    const { reply, heard, story } = build();
    const stream = reply.openStream({});
    expect(reply.stream).toBe(stream);
    await stream.write(say(null, "7"));
    await stream.write(say("", "8"));
    await stream.write(renderEvent({ id: null, type: null, data: null, retryMs: 10 }));
    expect(story).toEqual([]);
    await stream.write(say(message({ method: "notifications/message" }), "9"));
    await stream.answer(receipt, say(answer));
    expect(heard()).toEqual([message({ method: "notifications/message" }), answer]);
  });

  it("begins a session with its answer, not before", async () => {
    const { reply, story } = build();
    const stream = reply.openStream(session);
    await stream.write(say(message({ method: "notifications/message" })));
    expect(story).toEqual(["said"]);
    await stream.answer(receipt, say(answer));
    expect(story).toEqual(["said", "said", "begun sealed"]);
  });

  it("leaves the stream of the door open at its end", async () => {
    const { reply, story } = build();
    const stream = reply.openStream({});
    await stream.answer(receipt, say(answer));
    await stream.end();
    expect(story).toEqual(["said"]);
  });

  it("is none before it is opened", () => expect(build().reply.stream).toBeNull());
});

it("what is said at a door is not led to another", () => {
  expect(() => build().reply.divert(build().reply)).toThrow();
});
