import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startChild } from "../test/fixtures/child.ts";
import { createIssuer } from "./issuer.ts";
import type { Candidate } from "./measure.ts";
import { startSallyport } from "./sallyport.ts";

/** Something that calls can be sent through, and what it is to be checked for. */
export interface GuardedCandidate extends Candidate {
  /** Whether it is to refuse a bad token, and a tool that policy forbids. */
  readonly guards: { readonly token: boolean; readonly tool: boolean };
}

/** Everything that is measured, started. */
export interface Field {
  readonly candidates: readonly GuardedCandidate[];
  readonly token: string;
  stop(): Promise<void>;
}

export const forbiddenTool = "drop-everything";

const here = (file: string) => fileURLToPath(new URL(file, import.meta.url));
const isWithoutRecords = async () => null;

/** Starts the stub and every candidate before it. */
export async function startField(): Promise<Field> {
  const directory = await mkdtemp(join(tmpdir(), "sallyport-bench-"));
  const stops: (() => Promise<unknown>)[] = [() => rm(directory, { recursive: true, force: true })];
  const stop = async () => {
    for (const end of stops.toReversed()) await end();
  };
  try {
    const issuer = await createIssuer(directory);
    const token = await issuer.issue("bench");
    const start = async (args: readonly string[]) => {
      const running = await startChild(args);
      stops.push(running.stop);
      const { ready, child } = running;
      return { url: String(ready.url), pid: child.pid ?? 0, caFile: null, countRecords: isWithoutRecords };
    };
    const stub = await start([here("stub.ts")]);
    const stackArgs = [
      here("stack.ts"),
      "--target",
      stub.url,
      "--jwks",
      issuer.jwks,
      "--issuer",
      issuer.url,
      "--audience",
      issuer.audience,
    ];
    const stack = await start(stackArgs);
    const stackKeepingAlive = await start([...stackArgs, "--keep-alive"]);
    const sallyport = await startSallyport(stub.url, issuer);
    stops.push(sallyport.gateway.stop);
    const none = { token: false, tool: false };
    const tokenOnly = { token: true, tool: false };
    const candidates = [
      { ...stub, name: "direct to the stub", guards: none },
      { ...stack, name: "obvious stack", guards: tokenOnly },
      { ...stackKeepingAlive, name: "obvious stack, upstream kept alive", guards: tokenOnly },
      { ...sallyport, guards: { token: true, tool: true } },
    ];
    return { candidates, token, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
