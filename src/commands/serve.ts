import { Command } from "commander";
import { ConfigError, renderProblems } from "../config/diagnose.ts";
import { loadConfig } from "../config/load.ts";
import { createLog, type Log } from "../observe/log.ts";
import { watchFiles } from "../reload.ts";
import { type Running, run } from "../running.ts";
import type { CommandIo } from "./io.ts";

/** A gateway under a process: signals reach it, files are watched. */
export interface RunningGateway {
  readonly publicUrl: string;
  readonly adminUrl: string;
  /** Drains and closes; the same promise each time. */
  stop(): Promise<void>;
  /** Resolves when it has stopped, whoever asked for it. */
  readonly stopped: Promise<void>;
}

/** `sallyport serve`: runs the gateway until SIGTERM or SIGINT. */
export function serveCommand(io: CommandIo): Command {
  return new Command("serve")
    .description("run the gateway (the default command)")
    .option("-c, --config <file>", "configuration file", "sallyport.yaml")
    .action(async (options: { config: string }) => {
      try {
        const gateway = await startGateway(options.config, io);
        io.out(`${JSON.stringify({ event: "ready", public: gateway.publicUrl, admin: gateway.adminUrl })}\n`);
        await gateway.stopped;
        io.exit(0);
      } catch (error) {
        io.err(`${explainStart(error)}\n`);
        io.exit(2);
      }
    });
}

/** Why a gateway did not start, for people: every problem of the files, or one sentence. */
export function explainStart(error: unknown): string {
  if (error instanceof ConfigError) return renderProblems(error.problems);
  const { code, address, port, message } = error as NodeJS.ErrnoException & { address?: string; port?: number };
  if (code === "EADDRINUSE")
    return `${address}:${port} is already in use; set another address or stop what listens there`;
  if (code === "EACCES" && port !== undefined) return `${address}:${port} may not be bound by this user`;
  return message;
}

/**
 * Starts a gateway that reloads on SIGHUP and when a file changes, and drains on SIGTERM and SIGINT.
 *
 * @throws ConfigError, or an Error that {@link explainStart} explains
 */
export async function startGateway(configFile: string, io: CommandIo): Promise<RunningGateway> {
  const loaded = await loadConfig(configFile);
  const log = createLog(loaded.config.log.level, (line) => io.err(line));
  for (const { file, line, column, message } of loaded.warnings) log.warn({ file, line, column }, message);
  const running = await run(loaded, log, () => loadConfig(configFile));
  log.info({ public: running.publicUrl, admin: running.adminUrl, config: loaded.hash }, "serving");
  return superviseProcess(running, log);
}

function superviseProcess(running: Running, log: Log): RunningGateway {
  const { promise: stopped, resolve } = Promise.withResolvers<void>();
  let watching = watchFiles(running.watched(), onChange);
  let pending: NodeJS.Timeout | undefined;

  /** Files of one change come one by one; half of them is not a configuration. */
  function onChange(): void {
    clearTimeout(pending);
    pending = setTimeout(() => void reload("file"), settleMs);
  }

  async function reload(cause: string): Promise<void> {
    await running.reload(cause);
    watching();
    watching = watchFiles(running.watched(), onChange);
  }

  let stopping: Promise<void> | undefined;
  function stop(): Promise<void> {
    stopping ??= (async () => {
      clearTimeout(pending);
      watching();
      process.off("SIGHUP", onHangUp).off("SIGTERM", onSignal).off("SIGINT", onSignal);
      await running.stop();
      log.info({}, "stopped");
      resolve();
    })();
    return stopping;
  }

  const onHangUp = () => void reload("SIGHUP");
  const onSignal = (signal: NodeJS.Signals) => {
    log.info({ signal }, "stopping");
    void stop();
  };
  process.on("SIGHUP", onHangUp).once("SIGTERM", onSignal).once("SIGINT", onSignal);
  return { publicUrl: running.publicUrl, adminUrl: running.adminUrl, stop, stopped };
}

const settleMs = 200;
