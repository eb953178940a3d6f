import { answeredWithin } from "../patience.ts";

/** Questions that were asked of another process and are answered by their number. */
export interface Questions<Answer> {
  /** @throws Error when there is no answer in time, or {@link fail} */
  ask(send: (id: number) => void, timeoutMs: number): Promise<Answer>;
  answer(id: number, value: Answer): void;
  /** Nobody is left to answer. */
  fail(): void;
}

/** No question is open yet. */
export function createQuestions<Answer>(): Questions<Answer> {
  const open = new Map<number, PromiseWithResolvers<Answer>>();
  let last = 0;
  return {
    async ask(send, timeoutMs) {
      last += 1;
      const id = last;
      const question = Promise.withResolvers<Answer>();
      open.set(id, question);
      try {
        send(id);
        return await answeredWithin(timeoutMs, question.promise);
      } finally {
        open.delete(id);
      }
    },
    answer: (id, value) => open.get(id)?.resolve(value),
    fail() {
      for (const question of open.values()) question.reject(new Error("the process has ended"));
    },
  };
}
