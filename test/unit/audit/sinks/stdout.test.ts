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

it("a line that was cut short by a full disk stands by itself, and all of it comes behind", async () => {
  const { signal } = new AbortController();
  let file = "";
  let room = 5;
  const write = (text: string, done: (error?: Error | null) => void) => {
    file += text.slice(0, room);
    done(text.length > room ? new Error("ENOSPC") : null);
    return true;
  };
  const channel = createStdoutChannel({ write } as unknown as Writable, stay);
  await expect(channel.send(["first"], signal)).rejects.toThrow("ENOSPC");
  room = Number.POSITIVE_INFINITY;
  for (const line of ["first", "second"]) await channel.send([line], signal);
  expect(file).toBe("first\nfirst\nsecond\n");
});
