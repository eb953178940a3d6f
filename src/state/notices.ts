import { z } from "zod";
import type { Recall } from "../limits/recall.ts";

/**
 * What one process has learnt and the others need to know. One that comes late, twice or never gives nobody a right: sessions and
 * questions are judged by themselves first.
 */
const noticeSchema = z.discriminatedUnion("kind", [
  /** A session was ended, or a server's request answered; `known` is false where the answer did not arrive after all. */
  z.strictObject({
    kind: z.literal("recall"),
    book: z.enum(["ended", "answered"]),
    key: z.string(),
    known: z.boolean(),
  }),
  /** A client has called off a request that is open somewhere else. */
  z.strictObject({ kind: z.literal("cancelled"), key: z.string() }),
  /** What a replica runs, told now and then. */
  z.strictObject({ kind: z.literal("runs"), replica: z.string(), config: z.string(), atMs: z.number() }),
]);
export type Notice = z.output<typeof noticeSchema>;
type Book = Extract<Notice, { kind: "recall" }>["book"];

/** Where processes of one gateway tell each other what they have learnt. Notices come in order, and never to who posted them. */
export interface NoticeBoard {
  /** Returns at once; what cannot be delivered now is delivered later, within bounds. */
  post(notice: Notice): void;
  /** Hears every notice from now on, and those of the past that the board still has. */
  attend(hear: (notice: Notice) => void): void;
}

/** A notice of another process; undefined for anything else, such as a kind that only a newer version knows. */
export function readNotice(value: unknown): Notice | undefined {
  return noticeSchema.safeParse(value).data;
}

/** For a process that is alone. */
export const noBoard: NoticeBoard = { post() {}, attend() {} };

/** A memory whose changes are posted, so that the others have them too. */
export function shareRecall(recall: Recall, book: Book, board: NoticeBoard): Recall {
  board.attend((notice) => {
    if (notice.kind !== "recall" || notice.book !== book) return;
    if (notice.known) recall.add(notice.key);
    else recall.delete(notice.key);
  });
  return {
    has: (key) => recall.has(key),
    add(key) {
      if (!recall.add(key)) return false;
      board.post({ kind: "recall", book, key, known: true });
      return true;
    },
    delete(key) {
      if (!recall.has(key)) return;
      recall.delete(key);
      board.post({ kind: "recall", book, key, known: false });
    },
  };
}
