import type { Notice } from "../state/notices.ts";

/** What the workers have learnt and one that is started later has to know: it must not accept a session that was ended before. */
export interface Learnt {
  hear(notice: Notice): void;
  list(): readonly Notice[];
}

/**
 * @param mostOfBook how many notices of each book are kept, as many as a worker itself holds; beyond that the oldest of the same book go
 */
export function createLearnt(mostOfBook: number): Learnt {
  const books = new Map<string, Map<string, Notice>>();
  return {
    hear(notice) {
      if (notice.kind !== "recall") return;
      const book = books.get(notice.book) ?? new Map<string, Notice>();
      books.set(notice.book, book);
      book.delete(notice.key);
      if (notice.known) book.set(notice.key, notice);
      const [oldest = ""] = book.keys();
      if (book.size > mostOfBook) book.delete(oldest);
    },
    list: () => [...books.values()].flatMap((book) => [...book.values()]),
  };
}
