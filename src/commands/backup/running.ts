import { BackupError } from "../../backup/fault.ts";
import { reportFailure } from "../failure.ts";
import type { CommandIo } from "../io.ts";

/** The last one when the terminal goes away. */
const endings = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Does long work that tidies up when it is interrupted, and says how it failed: exit code 1 when an archive is damaged, 2 when
 * the work could not be done.
 */
export async function runInterruptibly(
  io: CommandIo,
  json: true | undefined,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const interruption = new AbortController();
  const interrupt = () => interruption.abort(new BackupError("interrupted; nothing was left behind"));
  // Also the second time: who is impatient must not keep keys from being tidied away.
  for (const ending of endings) process.on(ending, interrupt);
  try {
    await work(interruption.signal);
  } catch (error) {
    reportFailure(io, error, json, error instanceof BackupError && error.damaged ? 1 : 2);
  } finally {
    for (const ending of endings) process.off(ending, interrupt);
  }
}
