import { expect, test } from "vitest";
import { createRecall } from "../../../src/limits/recall.ts";
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

test("a session that one process has ended is ended for the other", () => {
  const [here, there] = connect().map((board) => shareRecall(createRecall(9), "ended", board));
  expect(here?.add("a")).toBe(true);
  expect(there?.add("a")).toBe(false);
  expect(there?.add("b")).toBe(true);
  expect(here?.add("b")).toBe(false);
});
