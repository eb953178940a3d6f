import { setTimeout as delay } from "node:timers/promises";
import type { Log } from "./observe/log.ts";
import type { ConfigSource } from "./reload.ts";
import type { Fleet } from "./workers/supervisor.ts";

/** A gateway under a process: signals reach it, files are watched. */
export interface RunningGateway {
  readonly publicUrl: string;
  readonly adminUrl: string;
  /** Lets records go to `audit.sinks`: called once the first line was written to stdout. */
  deliver(): void;
  /** Drains and closes; the same promise each time. */
  stop(): Promise<void>;
  /** Resolves when it has stopped, whoever asked for it. */
  readonly stopped: Promise<void>;
}

/** What serves: this process, or its workers. */
export interface Served extends Fleet, Pick<RunningGateway, "deliver"> {}

/** Has signals and changed files reach what serves, for as long as it does. */
export function superviseProcess(running: Served, source: ConfigSource, log: Log): RunningGateway {
  const { promise: stopped, resolve } = Promise.withResolvers<void>();
  // The files themselves are looked at: events do not tell of swapped links, network file systems and replaced files.
  let looking = false;
  const watching = setInterval(() => void look(), pollMs);
  watching.unref();

  async function look(): Promise<void> {
    if (looking) return;
    looking = true;
    if (await source.changed()) {
      // Files of one change come one by one; half of them is not a configuration.
      await delay(settleMs);
      await running.reload("file");
    }
    looking = false;
  }

  let stopping: Promise<void> | undefined;
  function stop(): Promise<void> {
    stopping ??= (async () => {
      clearInterval(watching);
      process.off("SIGHUP", onHangUp).off("SIGTERM", onSignal).off("SIGINT", onSignal);
      await running.stop();
      log.info({}, "stopped");
      resolve();
    })();
    return stopping;
  }

  const onHangUp = () => void running.reload("SIGHUP");
  const onSignal = (signal: NodeJS.Signals) => {
    log.info({ signal }, "stopping");
    void stop();
  };
  process.on("SIGHUP", onHangUp).once("SIGTERM", onSignal).once("SIGINT", onSignal);
  const { publicUrl, adminUrl, deliver } = running;
  return { publicUrl, adminUrl, deliver, stop, stopped };
}

/** How often the files are looked at, and how long a change may take, in milliseconds. */
const pollMs = 1_000;
const settleMs = 200;
