import { Writable } from "node:stream";
import { expect, it } from "vitest";
import { drain, watchReader } from "../../../src/commands/outlet.ts";

/** A stream that is full after one letter, until its reader goes on. */
function openSlow() {
  const goOn: ((error?: Error) => void)[] = [];
  const stream = new Writable({ highWaterMark: 1, write: (_chunk, _encoding, done) => void goOn.push(done) });
  watchReader(stream);
  return { stream, next: (error?: Error) => goOn.shift()?.(error) };
}

it("waits for a reader that is slow", async () => {
  const { stream, next } = openSlow();
  expect(await drain(stream)).toBe(true);
  stream.write("a");
  let drained = false;
  const waiting = drain(stream).then((more) => {
    drained = true;
    return more;
  });
  await new Promise(setImmediate);
  expect(drained).toBe(false);
  next();
  expect(await waiting).toBe(true);
});

it("does not wait for one that has gone, and remembers it", async () => {
  const { stream, next } = openSlow();
  stream.write("a");
  const waiting = drain(stream);
  next(new Error("EPIPE"));
  expect([await waiting, await drain(stream)]).toEqual([false, false]);
});
