/** Keeps whoever tries out secrets and keys of clients from doing so for long, without keeping the client out anywhere else. */
import type { Counters } from "../../limits/counters.ts";
import type { Limit } from "../../limits/leases.ts";
import { limitKey } from "../../network/cidr.ts";
import type { Desk, DeskAnswer, DeskRequest } from "../desk.ts";
import { mount, providerLogoutPath, pushPath } from "../paths.ts";
import { readClaimedClient } from "./claimed.ts";

const windowMs = 300_000;
/** Failures of one client from one address, and of all clients from it. */
const perClient: Limit = { requests: 10, windowMs, onFailure: "local" };
const perAddress: Limit = { requests: 50, windowMs, onFailure: "local" };
const maxBarred = 10_000;
/** Where a client proves who it is; providers do so where they say that somebody has logged out. */
const doors: ReadonlySet<string> = new Set([`${mount}/token`, `${mount}/revoke`, pushPath]);

/**
 * Only failures count, together with other processes where the counters do: a client that refreshes often is never kept out by that.
 *
 * @param now monotonic milliseconds
 */
export function guardClients(desk: Desk, { count }: Pick<Counters, "count">, now: () => number): Desk {
  // When whom may come again; in the order in which they were barred.
  const barred = new Map<string, number>();

  function waitOf(key: string): number {
    return (barred.get(key) ?? 0) - now();
  }

  async function fail(name: string, limit: Limit, key: string): Promise<void> {
    const waitMs = await count(name, limit, key);
    if (waitMs === null) return;
    barred.delete(key);
    const [oldest] = barred.keys();
    if (oldest !== undefined && (barred.size >= maxBarred || waitOf(oldest) <= 0)) barred.delete(oldest);
    barred.set(key, now() + waitMs);
  }

  return {
    serves: desk.serves,
    async answer(request) {
      const [path = ""] = request.target.split("?");
      const isLogout = path.startsWith(`${providerLogoutPath}/`);
      if (!doors.has(path) && !isLogout) return desk.answer(request);
      const place = limitKey(request.ip);
      const client = readClaimedClient(request.headers, request.body);
      const pair = JSON.stringify([client, place]);
      const waitMs = Math.max(waitOf(pair), waitOf(place));
      if (waitMs > 0) return refuse(request, client, waitMs);
      const answer = await desk.answer(request);
      if (answer.status === 401 || (isLogout && answer.note.reason?.startsWith("logout_"))) {
        await fail("client-failures", perClient, pair);
        await fail("client-failures-address", perAddress, place);
        // Which one it said it is; the library names those alone that it knows.
        if (client !== null) answer.note.client ??= client;
      }
      return answer;
    },
  };
}

function refuse({ target }: DeskRequest, client: string | null, waitMs: number): DeskAnswer {
  const said = { error: "temporarily_unavailable", error_description: "too many failed attempts; try again later" };
  return {
    status: 429,
    headers: {
      "content-type": "application/json; charset=utf-8",
      "cache-control": "no-store",
      "retry-after": String(Math.ceil(waitMs / 1_000)),
    },
    body: Buffer.from(JSON.stringify(said)),
    note: {
      action: target.split(/[/?]/).at(2) ?? "",
      successful: false,
      reason: "client_limited",
      ...(client !== null && { client }),
    },
  };
}
