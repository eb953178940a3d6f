import { Denial } from "../denial.ts";
import type { Live } from "./exchange.ts";

/** How many requests of the server one answer may bring within {@link asksWindowMs}. */
const maxAsks = 300;
const asksWindowMs = 60_000;

/**
 * Counts a request of the server: each is on record, so one that asks without end would fill the disk.
 *
 * @param nowMs milliseconds since the epoch
 * @throws Denial `client_request_denied` where there were too many
 */
export function limitAsks(live: Pick<Live, "asks" | "asksSinceMs">, nowMs: number): void {
  // A clock that was set back must not make the minute longer.
  if (Math.abs(nowMs - live.asksSinceMs) >= asksWindowMs) {
    live.asks = 0;
    live.asksSinceMs = nowMs;
  }
  live.asks += 1;
  if (live.asks > maxAsks) throw new Denial("client_request_denied", { detail: "too many requests of the server" });
}
