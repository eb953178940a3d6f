import type { Notice } from "../state/notices.ts";

/** What workers have learnt, for those that start later: one of them must not accept a session that was ended before. */
export interface Remembered {
  add(notice: Notice): void;
  list(): Notice[];
}

/** What is remembered at most, of proofs and of all else: proofs are many, and must not push out what a session's end depends on. */
const most = 20_000;

export function createRemembered(): Remembered {
  const lasting = new Map<string, Notice>();
  const proofs = new Map<string, Notice>();
  return {
    add(notice) {
      if (notice.kind !== "recall") return;
      const shelf = notice.book === "proofs" ? proofs : lasting;
      const name = `${notice.book} ${notice.key}`;
      shelf.delete(name);
      if (notice.known) shelf.set(name, notice);
      const [oldest = ""] = shelf.keys();
      if (shelf.size > most) shelf.delete(oldest);
    },
    list: () => [...lasting.values(), ...proofs.values()],
  };
}
