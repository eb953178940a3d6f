import cluster from "node:cluster";
import { loadConfig } from "../config/load.ts";
import { admitConfig } from "../config/suites.ts";
import { leaveWell } from "../leave.ts";
import type { Taken } from "../limits/windows.ts";
import { createLog } from "../observe/log.ts";
import { createConfigSource, digestFixed } from "../reload.ts";
import { type Running, run } from "../running.ts";
import type { Notice } from "../state/notices.ts";
import type { Shared } from "../state/station.ts";
import type { Beginning, FromWorker, ToWorker } from "./messages.ts";
import { createQuestions } from "./questions.ts";

/** Whether this process is one of several that a supervisor has started. */
export const isWorker = cluster.isWorker;

/**
 * Serves as one worker of a gateway: it does what its supervisor says and reports to it.
 *
 * @param explain says in words why it could not start
 * @returns resolves when it has stopped: whether it has served
 */
export async function work(
  configFile: string,
  write: (line: string) => void,
  explain: (error: unknown) => string,
): Promise<boolean> {
  const takings = createQuestions<Taken>();
  const hearers: ((notice: Notice) => void)[] = [];
  /** What came while it was starting; null from then on. */
  let early: Notice[] | null = [];
  const shared: Shared = {
    permits: {
      patienceMs,
      take: (name, rate, key, want) =>
        takings.ask((id) => send({ kind: "take", id, name, rate, key, want }), patienceMs),
    },
    board: {
      post: (notice) => send({ kind: "notice", notice }),
      attend(hear) {
        hearers.push(hear);
        for (const notice of early ?? []) hear(notice);
      },
    },
  };
  const begun = Promise.withResolvers<Beginning>();
  const stopped = Promise.withResolvers<boolean>();
  const starting = begun.promise.then((beginning) => begin(configFile, beginning, shared, write));

  /** Does something with what runs, once it does; nothing where it could not start. */
  async function withRunning(act: (running: Running) => Promise<void>): Promise<void> {
    const running = await starting.catch(() => undefined);
    if (running !== undefined) await act(running);
  }

  let stopping = false;
  function stop(): void {
    if (stopping) return;
    stopping = true;
    void withRunning((running) => running.stop()).then(() => stopped.resolve(true));
  }

  process.on("message", (message: ToWorker) => {
    switch (message.kind) {
      case "begin":
        early?.push(...message.beginning.notices);
        return begun.resolve(message.beginning);
      case "taken":
        return takings.answer(message.id, message.taken);
      case "notice":
        early?.push(message.notice);
        for (const hear of hearers) hear(message.notice);
        return;
      case "reload":
        // The files may have changed while it was starting.
        return void withRunning(async (running) => {
          await running.reload(message.cause);
          send({ kind: "reloaded", id: message.id });
        });
      case "report":
        return void withRunning((running) => report(running, message.id));
      case "stop":
        return stop();
    }
  });
  // A terminal sends these to the whole group; here the supervisor decides.
  for (const signal of ["SIGINT", "SIGHUP"] as const) process.on(signal, () => {});
  // One worker alone may be told to make room for a new one.
  process.on("SIGTERM", stop);

  async function report(running: Running, id: number): Promise<void> {
    const metrics = await running.metrics.getMetricsAsJSON();
    send({ kind: "reported", id, report: { health: running.health(), metrics } });
  }

  try {
    const { publicUrl } = await starting;
    early = null;
    send({ kind: "ready", publicUrl });
  } catch (error) {
    send({ kind: "failed", text: explain(error) });
    stopped.resolve(false);
  }
  const served = await stopped.promise;
  cluster.worker?.disconnect();
  return served;
}

async function begin(
  configFile: string,
  { number, of, after, fixed, ticketKeys }: Beginning,
  shared: Shared,
  write: (line: string) => void,
): Promise<Running> {
  const source = createConfigSource(() => loadConfig(configFile), admitConfig);
  const loaded = await source.read();
  if (digestFixed(loaded.config) !== fixed) {
    throw new Error("settings that need a restart have changed since the other workers started: restart the gateway");
  }
  const log = createLog(loaded.config.log.level, write, { worker: number });
  const running = await run(loaded, log, source.read, {
    number,
    of,
    after,
    shared,
    ticketKeys: Buffer.from(ticketKeys),
  });
  running.metrics.setDefaultLabels({ worker: String(number) });
  leaveWell(running, log);
  // None of them writes to stdout.
  running.deliver();
  return running;
}

/** The supervisor is that slow only where the machine has no time for anything; counting a limit alone would be no better there. */
const patienceMs = 1_000;

/** A supervisor that is gone hears nothing, and this process may not have heard of that yet: it ends as soon as it does. */
function send(message: FromWorker): void {
  if (process.connected) process.send?.(message, () => {});
}
