import { expect, test } from "vitest";
import { currentKey, type KeyMaker, type Ring, rotate, rotateAfterMs, settleMs } from "../../../src/crypto/ring.ts";

const day = 86_400_000;
const lifetimes = { tokenMs: day, sessionMs: 7 * day };
const jwk = { kty: "EC", crv: "P-256", x: "x", y: "y", d: "d" } as const;
const make: KeyMaker = {
  signing: (createdAtMs) => ({ createdAtMs, jwk: { ...jwk, kid: `s${createdAtMs}` } }),
  sealing: (createdAtMs) => ({ createdAtMs, kid: `e${createdAtMs}`, key: "k" }),
};
const ringAt = (...times: number[]): Ring => ({
  version: 1,
  signing: times.map(make.signing),
  sealing: times.map(make.sealing),
  fingerprint: "f",
});
const timesOf = (entries: readonly { createdAtMs: number }[]) => entries.map(({ createdAtMs }) => createdAtMs);

test("a ring that is young stays the same object", () => {
  const ring = ringAt(0);
  expect(rotate(ring, rotateAfterMs, lifetimes, make)).toBe(ring);
});

test("an old newest key gets a successor and stays for what it made", () => {
  const nowMs = rotateAfterMs + 1;
  const ring = rotate(ringAt(0), nowMs, lifetimes, make);
  expect(timesOf(ring.signing)).toEqual([0, nowMs]);
  expect(timesOf(ring.sealing)).toEqual([0, nowMs]);
  expect(rotate(ring, nowMs, lifetimes, make)).toBe(ring);
});

test("a key is dropped when the last thing it can have made has expired, not before", () => {
  const ring = ringAt(0, 100);
  const lastUse = 100 + settleMs;
  expect(rotate(ring, lastUse + lifetimes.tokenMs, lifetimes, make)).toBe(ring);
  const afterTokens = rotate(ring, lastUse + lifetimes.tokenMs + 1, lifetimes, make);
  expect(timesOf(afterTokens.signing)).toEqual([100]);
  expect(timesOf(afterTokens.sealing)).toEqual([0, 100]);
  const afterSessions = rotate(afterTokens, lastUse + lifetimes.sessionMs + 1, lifetimes, make);
  expect(timesOf(afterSessions.sealing)).toEqual([100]);
});

test("after a year asleep a key in use is neither lost nor kept as the newest", () => {
  const nowMs = 365 * day;
  const ring = rotate(ringAt(0), nowMs, lifetimes, make);
  expect(timesOf(ring.signing)).toEqual([0, nowMs]);
  expect(currentKey(ring.signing, nowMs).createdAtMs).toBe(0);
});

test.each([
  [[0], 0, 0],
  [[0, 100], 100 + settleMs - 1, 0],
  [[0, 100], 100 + settleMs, 100],
  [[500], 0, 500],
])("of keys made at %j the one in use at %i is that of %i", (times, nowMs, expected) => {
  expect(currentKey(ringAt(...times).signing, nowMs).createdAtMs).toBe(expected);
});

test("the fingerprint key never changes", () => {
  expect(rotate(ringAt(0), 1_000 * day, lifetimes, make).fingerprint).toBe("f");
});
