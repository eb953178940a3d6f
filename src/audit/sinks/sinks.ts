import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type { SinkConfig } from "../../config/sinks.ts";
import type { Log } from "../../observe/log.ts";
import type { Channel } from "./channel.ts";
import { Deliverer, type Pace, type SinkAccount } from "./deliverer.ts";
import { eventOf } from "./event-of.ts";
import { createOtlpChannel, createWebhookChannel } from "./http-channels.ts";
import { createStdoutChannel } from "./stdout.ts";
import { SyslogChannel } from "./syslog.ts";

/** Where records go besides the file. */
export interface AuditSinks {
  /** Takes lines as they are in the file now. Never throws, and does nothing but keep them. */
  offer(lines: readonly string[]): void;
  /** Lines wait until then: whatever stands first on stdout has been written by then. */
  start(): void;
  accounts(): readonly SinkAccount[];
  /** Delivers what waits, for a few seconds at most. */
  close(): Promise<void>;
}

/** What the peers are told of this process. */
export interface Sender {
  readonly version: string;
  readonly host: string;
  readonly processId: number;
}

const patienceMs = 10_000;
const lastMs = 5_000;

/**
 * Nothing is connected before `start`.
 *
 * @throws Error when a file of certificate authorities cannot be read
 */
export function openAuditSinks(configs: readonly SinkConfig[], sender: Sender, log: Log): AuditSinks {
  const pace: Pace = {
    now: Date.now,
    chance: Math.random,
    pause: (ms, signal) => delay(ms, undefined, { signal, ref: false }).catch(() => {}),
  };
  const sinks = configs.map((config) => {
    const { name, buffer, events } = config;
    const deliverer = new Deliverer({
      name,
      buffer: { maxRecords: buffer.records, maxBytes: buffer.size },
      channel: openChannel(config, sender),
      pace,
      onFailing: (error) => log.warn({ sink: name, error: reasonOf(error) }, "an audit sink does not take records"),
      onWorking: () => log.info({ sink: name }, "an audit sink takes records again"),
      onDropping: (reason) => log.warn({ sink: name, reason }, "records for an audit sink were dropped"),
    });
    const wanted: ReadonlySet<string> | null = events === undefined ? null : new Set(events);
    return { name, deliverer, wanted };
  });
  return {
    offer(lines) {
      for (const { deliverer, wanted } of sinks) {
        for (const line of lines) if (wanted === null || wanted.has(eventOf(line))) deliverer.offer(line);
      }
    },
    start() {
      for (const { deliverer } of sinks) deliverer.start();
    },
    accounts: () => sinks.map(({ deliverer }) => deliverer.account),
    async close() {
      const close = async ({ name, deliverer }: (typeof sinks)[number]) => {
        const records = await deliverer.close(lastMs);
        if (records > 0) log.warn({ sink: name, records }, "records of the end did not reach an audit sink");
      };
      await Promise.all(sinks.map(close));
    },
  };
}

function openChannel(config: SinkConfig, sender: Sender): Channel {
  if (config.type === "stdout") return createStdoutChannel(process.stdout, () => process.exit());
  const ca = config.ca === undefined ? undefined : readFileSync(config.ca, "utf8");
  if (config.type === "syslog") {
    const { address, facility, appName } = config;
    return new SyslogChannel({ address, ca, origin: { ...sender, facility, appName }, patienceMs });
  }
  const { url, headers } = config;
  const options = { url, headers, ca, patienceMs, now: Date.now };
  return config.type === "otlp" ? createOtlpChannel(options, sender) : createWebhookChannel(options, config.batch);
}

/** A connection that failed on every address of a name has a code and no message. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  return error.message || ("code" in error ? String(error.code) : error.name);
}
