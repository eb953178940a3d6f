import { expect, it } from "vitest";
import { limitAsks } from "../../../src/relay/ask-limit.ts";

const startMs = 1_800_000_000_000;

/** An answer that has brought as many requests of the server as it may. */
function fill() {
  const live = { asks: 0, asksSinceMs: 0 };
  for (let count = 0; count < 300; count += 1) limitAsks(live, startMs);
  return live;
}

it.each([0, 59_999, -59_999])("a server that has asked 300 times may not ask again %d ms later", (laterMs) => {
  expect(() => limitAsks(fill(), startMs + laterMs)).toThrow(
    expect.objectContaining({ code: "client_request_denied" }),
  );
});

it.each([
  ["a minute later", 60_000],
  ["when the clock was set back by an hour", -3_600_000],
])("it may ask again %s", (_when, laterMs) => {
  const live = fill();
  limitAsks(live, startMs + laterMs);
  expect(live.asks).toBe(1);
});
