import { describe, expect, it } from "vitest";
import { createStreamReader, type StreamFault } from "../../../src/mcp/sse.ts";
import { collectGarbage } from "../../fixtures/garbage.ts";

const none = { id: null, type: null, data: null, retryMs: null };
const read = (text: string, maxChars = 1_000) => [...createStreamReader(maxChars).push(Buffer.from(text))];

describe("createStreamReader", () => {
  it.each<[string, string, object[]]>([
    ["one event", "data: x\n\n", [{ ...none, data: "x" }]],
    ["a byte order mark", "\ufeffdata: x\n\n", [{ ...none, data: "x" }]],
    ["several data lines", "data: a\ndata: b\n\n", [{ ...none, data: "a\nb" }]],
    ["an event that primes resumption", "id: 1\ndata:\n\n", [{ ...none, id: "1", data: "" }]],
    [
      "an id alone, then an event",
      "id: 1\n\ndata: x\n\n",
      [
        { ...none, id: "1" },
        { ...none, data: "x" },
      ],
    ],
    ["a retry", "retry: 500\n\n", [{ ...none, retryMs: 500 }]],
    ["comments", ": hello\n\n", []],
    ["an unfinished event", "data: x\n", []],
    ["an id with a null character is no id", "id: a\0b\ndata: x\n\n", [{ ...none, data: "x" }]],
  ])("%s", (_case, text, events) => expect(read(text)).toEqual(events));

  it("refuses an event without an end", () => {
    const reader = createStreamReader(1_000);
    const push = () => {
      for (let i = 0; i < 1_000; i += 1) [...reader.push(Buffer.from(i === 0 ? "data: x" : "xxxxxxxxxx"))];
    };
    expect(push).toThrow(expect.objectContaining({ kind: "too_large" }) as StreamFault);
  });

  it("refuses many lines without an end of the event", () => {
    expect(() => read("data: xxxxxxxxxx\n".repeat(200))).toThrow(
      expect.objectContaining({ kind: "too_large" }) as StreamFault,
    );
  });

  it("refuses bytes that are no UTF-8", () => {
    const events = createStreamReader(100).push(Buffer.from("data: whole\n\ndata: \xff\n\n", "latin1"));
    expect(events.next().value).toEqual({ ...none, data: "whole" });
    expect(() => events.next()).toThrow(expect.objectContaining({ kind: "utf8" }) as StreamFault);
  });

  it("keeps no event that it has handed out, however long it takes until the next is wanted", async () => {
    const events = createStreamReader(1_000).push(Buffer.from("data: x\n\ndata: y\n\n"));
    const first = new WeakRef(events.next().value as object);
    // What a WeakRef was made of stays until the end of the turn.
    await new Promise((resolve) => setImmediate(resolve));
    collectGarbage();
    expect(first.deref()).toBeUndefined();
    expect(events.next().value).toEqual({ ...none, data: "y" });
  });
});
