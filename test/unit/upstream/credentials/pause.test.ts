import { expect, it } from "vitest";
import { createPause } from "../../../../src/upstream/credentials/pause.ts";
import { TokenFailure } from "../../../../src/upstream/credentials/token-failure.ts";

const failure = new TokenFailure("unavailable", "the token endpoint answered 503");

function build() {
  const clock = { nowMs: 1_000_000 };
  const pause = createPause(
    () => clock.nowMs,
    () => 0,
  );
  return { clock, pause, leftMs: () => pause.check()?.retryAfterMs ?? null };
}

it("takes twice as long after each failure, until there is an answer", () => {
  const { clock, pause, leftMs } = build();
  for (const ms of [500, 1_000, 2_000]) {
    pause.fail(failure);
    expect(leftMs()).toBe(ms);
    clock.nowMs += ms;
    expect(leftMs()).toBeNull();
  }
  pause.recover();
  pause.fail(failure);
  expect(leftMs()).toBe(500);
});

it("counts those who asked at the same time, and failed together, as one", () => {
  const { clock, pause, leftMs } = build();
  for (let asked = 1; asked <= 5; asked += 1) pause.fail(failure);
  expect(leftMs()).toBe(500);
  clock.nowMs += 500;
  pause.fail(failure);
  expect(leftMs()).toBe(1_000);
});

it("is made anew where the clock was set back behind its beginning", () => {
  const { clock, pause, leftMs } = build();
  pause.fail(failure);
  clock.nowMs -= 3_600_000;
  expect(leftMs()).toBeNull();
  pause.fail(failure);
  expect(leftMs()).toBe(1_000);
});
