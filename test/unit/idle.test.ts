import type { Socket } from "node:net";
import { expect, it } from "vitest";
import { createIdleness } from "../../src/idle.ts";

function open() {
  let nowMs = 0;
  const idleness = createIdleness(1_000, () => nowMs);
  return {
    idleness,
    socket: () => {
      const socket = { destroyed: false, destroy: () => Object.assign(socket, { destroyed: true }) };
      return socket as unknown as Socket;
    },
    pass(ms: number) {
      nowMs += ms;
      idleness.sweep();
    },
  };
}

it("closes a connection on which no request has come in time", () => {
  const { idleness, socket, pass } = open();
  const [first, second] = [socket(), socket()];
  idleness.begin(first);
  pass(1);
  idleness.begin(second);
  pass(998);
  expect([first.destroyed, second.destroyed]).toEqual([false, false]);
  pass(1);
  expect([first.destroyed, second.destroyed]).toEqual([true, false]);
});

it("leaves one alone that has a request, and counts anew when that is over", () => {
  const { idleness, socket, pass } = open();
  const busy = socket();
  idleness.begin(busy);
  pass(999);
  idleness.end(busy);
  pass(5_000);
  idleness.begin(busy);
  pass(999);
  expect(busy.destroyed).toBe(false);
  pass(1);
  expect(busy.destroyed).toBe(true);
});
