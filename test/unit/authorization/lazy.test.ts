import { expect, it, vi } from "vitest";
import type { Desk, DeskAnswer, DeskRequest } from "../../../src/authorization/desk.ts";
import { createLazyDesk } from "../../../src/authorization/lazy.ts";

const request: DeskRequest = { verb: "GET", target: "/oauth/jwks", headers: new Map(), body: Buffer.of(), ip: "::1" };
const answer: DeskAnswer = { status: 200, headers: {}, body: Buffer.of(), note: { action: "jwks" } };
const ready: Desk = { serves: () => true, answer: async () => answer };

it("is set up once, when somebody asks for the first time", async () => {
  const load = vi.fn(async () => ready);
  const desk = createLazyDesk(load);
  expect([desk.serves("/oauth/token"), desk.serves("/elsewhere"), load.mock.calls.length]).toEqual([true, false, 0]);
  expect(await Promise.all([desk.answer(request), desk.answer(request)])).toEqual([answer, answer]);
  expect(load).toHaveBeenCalledTimes(1);
});

it("is set up anew by the next request where that failed", async () => {
  const load = vi.fn(async () => ready).mockRejectedValueOnce(new Error("no memory"));
  const desk = createLazyDesk(load);
  const together = await Promise.allSettled([desk.answer(request), desk.answer(request)]);
  expect(together.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(await desk.answer(request)).toEqual(answer);
  expect(load).toHaveBeenCalledTimes(2);
});
