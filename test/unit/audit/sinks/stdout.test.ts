import { getEventListeners } from "node:events";
import { PassThrough, Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { expect, it } from "vitest";
import { createStdoutChannel } from "../../../../src/audit/sinks/stdout.ts";

const stay = () => {
  throw new Error("it was left");
};

it("writes lines, and leaves nothing at the signal that outlives them", async () => {
  const { signal } = new AbortController();
  const stream = new PassThrough();
  const channel = createStdoutChannel(stream, stay);
  for (const lines of [["a", "b"], ["c"]]) expect(await channel.send(lines, signal)).toBe(0);
  stream.end();
  expect(await text(stream)).toBe("a\nb\nc\n");
  expect(getEventListeners(signal, "abort")).toEqual([]);
});

it("says when it cannot write, and leaves nothing there either", async () => {
  const { signal } = new AbortController();
  const stream = new Writable({ write: (_chunk, _encoding, done) => done(new Error("EPIPE")) });
  stream.on("error", () => {});
  await expect(createStdoutChannel(stream, stay).send(["a"], signal)).rejects.toThrow("EPIPE");
  expect(getEventListeners(signal, "abort")).toEqual([]);
});
