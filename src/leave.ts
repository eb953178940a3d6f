import type { Log } from "./observe/log.ts";
import type { Running } from "./running.ts";

/**
 * What is thrown where nobody catches it leaves a process in a state that nobody knows. Callers are told so instead of being
 * cut off, the records of that are written, and the process ends; whoever started it starts another.
 */
export function leaveWell({ abandon }: Pick<Running, "abandon">, log: Log): void {
  const leave = (error: unknown) => {
    process.off("uncaughtException", leave).on("uncaughtException", () => {});
    setTimeout(() => process.exit(failedCode), mostMs).unref();
    log.error({ error }, "failed in a way that was not foreseen; ending");
    abandon()
      .catch((failure: unknown) => log.error({ error: failure }, "could not end in good order"))
      .finally(() => process.exit(failedCode));
  };
  // Rejections that nobody handles come here too (https://nodejs.org/api/process.html#event-unhandledrejection).
  process.on("uncaughtException", leave);
}

const failedCode = 1;
/** Whatever hangs by then, such as a disk, the process ends. */
const mostMs = 10_000;
