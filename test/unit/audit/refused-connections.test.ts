import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { AuditEntry } from "../../../src/audit/record.ts";
import { createRefusedConnections, type RefusedConnections } from "../../../src/audit/refused-connections.ts";

let written: AuditEntry[] = [];
let refused: RefusedConnections;

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse("2026-08-01T10:00:00.000Z") });
  written = [];
  refused = createRefusedConnections((entry) => written.push(entry), Date.now);
});
afterEach(() => void vi.useRealTimers());

const told = () => written.map(({ peer, note }) => [peer?.ip ?? null, note?.cause, note?.count]);

test("one record for each address and cause in ten seconds, with when the first was refused", () => {
  for (let round = 0; round < 500; round += 1) refused.count("10.0.0.1", "handshake");
  vi.advanceTimersByTime(4_000);
  refused.count("10.0.0.1", "connections_limited");
  refused.count("10.0.0.2", "handshake");
  expect(written).toEqual([]);
  vi.advanceTimersByTime(6_000);
  expect(told()).toEqual([
    ["10.0.0.1", "handshake", 500],
    ["10.0.0.1", "connections_limited", 1],
    ["10.0.0.2", "handshake", 1],
  ]);
  expect(written.map(({ event, time, note }) => [event, time, note?.from])).toEqual([
    ["connections", "2026-08-01T10:00:10.000Z", "2026-08-01T10:00:00.000Z"],
    ["connections", "2026-08-01T10:00:10.000Z", "2026-08-01T10:00:04.000Z"],
    ["connections", "2026-08-01T10:00:10.000Z", "2026-08-01T10:00:04.000Z"],
  ]);
  vi.advanceTimersByTime(60_000);
  expect(written).toHaveLength(3);
});

test("a flood from everywhere has a bounded number of records, and loses none of its connections", () => {
  for (let host = 0; host < 10_000; host += 1) refused.count(`10.0.${host >> 8}.${host & 255}`, "handshake");
  vi.advanceTimersByTime(10_000);
  expect(written).toHaveLength(33);
  expect(told().at(-1)).toEqual([null, "handshake", 9_968]);
});

test("what waits is written at the end, once", () => {
  refused.count("10.0.0.1", "handshake");
  refused.flush();
  refused.flush();
  vi.advanceTimersByTime(60_000);
  expect(told()).toEqual([["10.0.0.1", "handshake", 1]]);
});
