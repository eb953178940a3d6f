import { expect, test } from "vitest";
import { createProofMemory } from "../../../src/auth/proof-memory.ts";
import { type Notice, type NoticeBoard, readNotice, shareRecall } from "../../../src/state/notices.ts";

/** Boards of two processes: what one posts the other hears, as it comes over the wire. */
function connect(): [NoticeBoard, NoticeBoard] {
  const ears: ((notice: Notice) => void)[][] = [[], []];
  const board = (own: number): NoticeBoard => ({
    post(notice) {
      const heard = readNotice(JSON.parse(JSON.stringify(notice)));
      for (const hear of ears[1 - own] ?? []) if (heard !== undefined) hear(heard);
    },
    attend: (hear) => void ears[own]?.push(hear),
  });
  return [board(0), board(1)];
}

test("a proof that one process has seen is none for the other", () => {
  const [here, there] = connect().map((board) =>
    shareRecall(
      createProofMemory(9, 1_000, () => 0),
      "proofs",
      board,
    ),
  );
  expect(here?.add("a")).toBe(true);
  expect(there?.add("a")).toBe(false);
  expect(there?.add("b")).toBe(true);
  expect(here?.add("b")).toBe(false);
});
