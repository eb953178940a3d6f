import { expect, it } from "vitest";
import type { Notice } from "../../../src/state/notices.ts";
import { createRemembered } from "../../../src/workers/remembered.ts";

const recall = (book: "ended" | "answered" | "proofs", key: string, known = true): Notice => ({
  ...{ kind: "recall", book, key, known },
});

it("keeps what was learnt, until it is taken back", () => {
  const remembered = createRemembered();
  remembered.add(recall("ended", "a"));
  remembered.add(recall("answered", "a"));
  remembered.add(recall("answered", "a", false));
  remembered.add({ kind: "cancelled", key: "a" });
  expect(remembered.list()).toEqual([recall("ended", "a")]);
});

it("proofs push out nothing but proofs", () => {
  const remembered = createRemembered();
  remembered.add(recall("ended", "a"));
  for (let count = 0; count <= 20_000; count += 1) remembered.add(recall("proofs", String(count)));
  const [first, second, ...others] = remembered.list();
  expect([first, second, others.length]).toEqual([recall("ended", "a"), recall("proofs", "1"), 19_999]);
});
