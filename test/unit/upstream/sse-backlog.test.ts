import { expect, it } from "vitest";
import { createBacklog } from "../../../src/upstream/sse-backlog.ts";

const half = "x".repeat(131_072);

it("gives out everything once, in order", () => {
  const backlog = createBacklog();
  for (const data of ["a", "b", "c"]) backlog.add(data);
  expect(backlog.take()).toEqual(["a", "b", "c"]);
  expect(backlog.take()).toEqual([]);
});

it("keeps 256 KiB, and as much again once that is taken", () => {
  const backlog = createBacklog();
  for (const round of [1, 2, 3]) {
    for (const data of [half, half]) backlog.add(data);
    expect(backlog.take(), `round ${round}`).toEqual([half, half]);
  }
});

it.each<[string, string[], number]>([
  ["exactly what fits", [half.slice(2), `${half.slice(2)}é`, "é"], 3],
  ["one byte too many, though the characters would fit", [half, half.slice(1), "é"], 2],
  ["one message too many", Array.from({ length: 65 }, (_, index) => `${index}`), 64],
  ["a message that is too large by itself", ["a", `${half}${half}x`], 0],
])("forgets the oldest first: %s", (_case, messages, kept) => {
  const backlog = createBacklog();
  for (const data of messages) backlog.add(data);
  expect(backlog.take()).toEqual(kept === 0 ? [] : messages.slice(-kept));
});
