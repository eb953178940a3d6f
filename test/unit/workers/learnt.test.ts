import { expect, test } from "vitest";
import type { Notice } from "../../../src/state/notices.ts";
import { createLearnt } from "../../../src/workers/learnt.ts";

type Book = Extract<Notice, { kind: "recall" }>["book"];

const recall = (book: Book, key: string, known = true): Notice => ({ kind: "recall", book, key, known });

function keysAfter(...notices: readonly Notice[]): string[] {
  const learnt = createLearnt(2);
  for (const notice of notices) learnt.hear(notice);
  return learnt.list().map((notice) => (notice.kind === "recall" ? `${notice.book} ${notice.key}` : notice.kind));
}

test.each<[string, readonly Notice[], readonly string[]]>([
  ["what was learnt", [recall("ended", "a"), recall("answered", "a")], ["ended a", "answered a"]],
  ["nothing that was taken back", [recall("ended", "a"), recall("ended", "a", false)], []],
  ["nothing that passes", [{ kind: "cancelled", key: "a" }], []],
  ["the last ones of a book", ["a", "b", "c"].map((key) => recall("ended", key)), ["ended b", "ended c"]],
  [
    "a session that was ended however many questions were answered since",
    [recall("ended", "a"), ...["a", "b", "c"].map((key) => recall("answered", key))],
    ["ended a", "answered b", "answered c"],
  ],
])("tells a new worker %s", (_, notices, keys) => {
  expect(keysAfter(...notices)).toEqual(keys);
});
