import { beforeEach, describe, expect, it } from "vitest";
import { createCuriosity } from "../../../src/upstream/curiosity.ts";

let nowMs = 0;
let asked: PromiseWithResolvers<void>[] = [];
const curiosity = () =>
  createCuriosity(
    () => {
      const question = Promise.withResolvers<void>();
      asked.push(question);
      return question.promise;
    },
    () => nowMs,
  );

beforeEach(() => {
  nowMs = 0;
  asked = [];
});

describe("curiosity", () => {
  it("asks once for all who wait", async () => {
    const curious = curiosity();
    const waiting = Promise.all([curious.satisfy(), curious.satisfy()]);
    expect(asked).toHaveLength(1);
    asked[0]?.resolve();
    await waiting;
  });

  it("does not ask again for a while, whatever came of it, and then does", async () => {
    const curious = curiosity();
    const first = curious.satisfy();
    asked[0]?.reject(new Error("away"));
    await first;
    nowMs = 4_999;
    await curious.satisfy();
    expect(asked).toHaveLength(1);
    nowMs = 5_000;
    void curious.satisfy();
    expect(asked).toHaveLength(2);
  });

  it("never asks twice at once, however long an answer takes, and rests from its end", async () => {
    const curious = curiosity();
    const first = curious.satisfy();
    nowMs = 60_000;
    const second = curious.satisfy();
    expect(asked).toHaveLength(1);
    asked[0]?.resolve();
    await Promise.all([first, second]);
    nowMs = 64_999;
    await curious.satisfy();
    expect(asked).toHaveLength(1);
    nowMs = 65_000;
    void curious.satisfy();
    expect(asked).toHaveLength(2);
  });

  it("does not wait for a clock that was set back", async () => {
    nowMs = 1_000_000;
    const curious = curiosity();
    const first = curious.satisfy();
    asked[0]?.resolve();
    await first;
    nowMs = 0;
    void curious.satisfy();
    expect(asked).toHaveLength(2);
  });
});
