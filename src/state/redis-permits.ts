import { type CommandParser, defineScript, ErrorReply } from "@redis/client";
import type { PermitStore } from "../limits/leases.ts";
import { answeredWithin } from "../patience.ts";
import { callPatienceMs } from "./patience.ts";
import type { RedisClient } from "./redis.ts";

/**
 * Takes up to ARGV[1] of ARGV[2] requests of a window of ARGV[3] milliseconds; answers with how many were had and with what is
 * left of the window. One step, whoever else asks at the same moment.
 */
export const takeScript = defineScript({
  SCRIPT: `
local used = tonumber(redis.call('GET', KEYS[1])) or 0
local granted = math.max(0, math.min(tonumber(ARGV[1]), tonumber(ARGV[2]) - used))
if granted > 0 then redis.call('INCRBY', KEYS[1], granted) end
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  left = tonumber(ARGV[3])
end
return {granted, left}`,
  NUMBER_OF_KEYS: 1,
  parseCommand(parser: CommandParser, key: string, want: number, requests: number, windowMs: number) {
    parser.pushKey(key);
    parser.push(String(want), String(requests), String(windowMs));
  },
  transformReply: undefined as unknown as () => [number, number],
});

/** What {@link createRedisPermits} needs. */
export interface RedisPermitsOptions {
  readonly client: Pick<RedisClient, "take" | "isReady">;
  readonly prefix: string;
  /** Of a limit's name and key: addresses and people are not to be read in Redis. */
  readonly fingerprint: (text: string) => string;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Told why, once, when it answers with an error: it is read-only, or has no memory left. */
  refused(problem: string): void;
}

/** Requests counted in Redis. What is asked within one turn of the event loop travels together. */
export function createRedisPermits(options: RedisPermitsOptions): PermitStore & { readonly counting: boolean } {
  const { client, prefix, fingerprint, now, refused } = options;
  let counting = true;
  // A Redis that hangs is asked once a second, so that not every request waits for it.
  let restUntilMs = 0;
  return {
    patienceMs: callPatienceMs,
    get counting() {
      return counting;
    },
    async take(name, { requests, windowMs }, key, want) {
      if (!client.isReady || now() < restUntilMs) throw new Error("Redis is not there");
      const place = `${prefix}:limit:${fingerprint(`${name}:${requests}/${windowMs}:${key}`)}`;
      try {
        const [granted = 0, resetMs = windowMs] = await answeredWithin(
          callPatienceMs,
          client.take(place, want, requests, windowMs),
        );
        counting = true;
        return { granted, resetMs };
      } catch (error) {
        restUntilMs = now() + restMs;
        if (error instanceof ErrorReply) {
          if (counting) refused(error.message);
          counting = false;
        }
        throw error;
      }
    },
  };
}

/** How long a Redis that did not answer is left alone, in milliseconds. */
const restMs = 1_000;
