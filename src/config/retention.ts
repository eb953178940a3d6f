/** What `audit.retention` says. */
import { z } from "zod";
import type { AuditEvent } from "../audit/record.ts";
import { duration } from "./fields.ts";
import { problem, type RuleFinding } from "./finding.ts";
import type { Config } from "./schema.ts";

/** Records that nothing else rests on: verifying, the account of what was done to the trail and by operators, and which configuration ran. */
const removable = [
  "request",
  "notification",
  "response",
  "stream",
  "stream_end",
  "stream_failure",
  "server_request",
  "end",
  "discovery",
  "auth",
  "refusal",
  "connections",
  "clock",
] as const satisfies readonly AuditEvent[];

const period = () =>
  duration().optional().describe("The same for the records of this event alone, which leave the file.");

const periods = Object.fromEntries(removable.map((event) => [event, period()])) as Record<
  (typeof removable)[number],
  ReturnType<typeof period>
>;

export const retention = z
  .union([
    duration(),
    z.strictObject({
      default: duration().optional().describe("The same for the whole file. Default: kept for ever."),
      ...periods,
    }),
  ])
  .optional()
  .describe(
    "How old the newest record of a closed file may become before the file is deleted; in a mapping that is `default`, and records of events with a period of their own leave the file earlier. Default: kept for ever.",
  );

type Retention = z.output<typeof retention>;

/** Milliseconds: of whole files, null for ever, and of events that have periods of their own. */
export function readRetention(said: Retention): {
  readonly wholeMs: number | null;
  readonly periods: ReadonlyMap<string, number>;
} {
  const { default: wholeMs = null, ...events } = typeof said === "object" ? said : { default: said };
  return {
    wholeMs,
    periods: new Map(Object.entries(events).flatMap(([event, ms]) => (ms === undefined ? [] : [[event, ms]]))),
  };
}

export function checkRetention({ audit }: Pick<Config, "audit">): RuleFinding[] {
  const { wholeMs, periods: found } = readRetention(audit.retention);
  const at = ["audit", "retention"];
  return [...found]
    .filter(([, ms]) => wholeMs !== null && ms > wholeMs)
    .map(([event]) =>
      problem([...at, event], "longer than audit.retention.default, when the whole file is deleted", {
        reads: [[...at, "default"]],
      }),
    );
}
