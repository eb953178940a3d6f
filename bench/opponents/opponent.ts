import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { openSync } from "node:fs";
import { connect } from "node:net";
import { setTimeout as wait } from "node:timers/promises";

/** A gateway of somebody else's; it serves until it is stopped. */
export interface Opponent {
  readonly plain: string;
  /** Null where it is measured without TLS only. */
  readonly tls: string | null;
  readonly pid: number;
  stop(): Promise<void>;
}

/**
 * Starts a program that says nothing when it is ready.
 *
 * @param log file for what it prints on stdout
 * @param ports it listens on all of them when it is ready
 * @throws Error when it ends or does not listen within ten seconds
 */
export async function startProgram(
  program: string,
  args: readonly string[],
  log: string,
  ports: readonly number[],
): Promise<Pick<Opponent, "pid" | "stop">> {
  const child = spawn(program, args, { stdio: ["ignore", openSync(log, "w"), "inherit"] });
  const exited = once(child, "exit");
  const stop = async () => {
    child.kill("SIGTERM");
    await exited;
  };
  try {
    await Promise.all(ports.map((port) => waitForPort(port)));
  } catch (error) {
    await stop();
    throw new Error(`${program}: ${(error as Error).message}`);
  }
  return { pid: child.pid ?? 0, stop };
}

const pauseMs = 50;
const maxTries = 200;

async function waitForPort(port: number): Promise<void> {
  for (let tries = 0; tries < maxTries; tries++, await wait(pauseMs)) {
    const socket = connect(port, "127.0.0.1");
    const opened = once(socket, "connect").then(
      () => true,
      () => false,
    );
    const open = await opened;
    socket.destroy();
    if (open) return;
  }
  throw new Error(`nobody listens on port ${port}`);
}

/** Whether a program is there; where Debian's packages can be installed, it is fetched from them. */
export function obtain(program: string, debianPackage: string): boolean {
  const isThere = () => spawnSync(program, ["-v"], { stdio: "ignore" }).error === undefined;
  if (isThere()) return true;
  try {
    execFileSync("apt-get", ["install", "-y", "--no-install-recommends", debianPackage], { stdio: "ignore" });
  } catch {
    return false;
  }
  return isThere();
}
