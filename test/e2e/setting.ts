import { execFile } from "node:child_process";
import { readFile, rename, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { onTestFinished } from "vitest";
import { type Gateway, type GatewayOptions, permissivePolicy, startGateway } from "../fixtures/gateway.ts";
import { merge } from "../fixtures/mapping.ts";
import { answerMinimally, type Recorder, type RecorderHandler, startRecorder } from "../fixtures/recorder.ts";
import { readAudit, scrape, until } from "../golden/observe.ts";
import { openWire, type Wire } from "../golden/wire.ts";
import { createClient, type HttpClient } from "./http.ts";

export const sallyport = fileURLToPath(new URL("../../bin/sallyport.js", import.meta.url));

/** Arguments of Node for a gateway whose clock SIGUSR2 sets 20 minutes ahead. */
export const withClock = ["--import", fileURLToPath(new URL("../fixtures/clock.ts", import.meta.url))] as const;

export interface Setting {
  readonly gateway: Gateway;
  readonly recorder: Recorder;
  readonly client: HttpClient;
  readonly token: string;
  /** Everything the gateway wrote on stderr since it was ready. */
  log(): string;
}

export interface SettingOptions extends Omit<GatewayOptions, "servers"> {
  readonly handler?: RecorderHandler;
  readonly server?: Readonly<Record<string, unknown>>;
  readonly connections?: number;
}

/** Tests ask without a pause until something has happened: a fast machine would meet the usual limits first. */
export const patient = { limits: { address: { requests: 1_000_000 }, identity: { requests: 1_000_000 } } };

/** A gateway in a process of its own with one recording server behind it; all gone when the test is over. */
export async function set(options: SettingOptions = {}): Promise<Setting> {
  const { handler, server, connections, ...rest } = options;
  const recorder = await startRecorder(handler);
  onTestFinished(() => recorder.stop());
  const configOverrides = merge(patient, rest.configOverrides ?? {});
  const gateway = await startGateway({
    ...rest,
    configOverrides,
    servers: { alpha: { url: recorder.url, ...server } },
  });
  onTestFinished(async () => void (await gateway.stop()));
  let log = "";
  gateway.child.stderr?.on("data", (chunk: string) => {
    log += chunk;
  });
  const token = await gateway.mint({ server: "alpha" });
  const client = await createClient(gateway, "alpha", token, connections);
  onTestFinished(() => client.close());
  return { gateway, recorder, client, token, log: () => log };
}

/** Answers as usual, and gives a session to whoever initializes. */
export const withSessions: RecorderHandler = (request, body, response) => {
  if (body.includes('"initialize"')) response.setHeader("mcp-session-id", upstreamSession);
  answerMinimally(request, body, response);
};

export const eventText =
  'event: message\ndata: {"jsonrpc":"2.0","method":"notifications/message","params":{"data":"hello"}}\n\n';

export const upstreamSession = "canary-upstream-session-51d0";

export const denyEcho = permissivePolicy.replace(
  "bindings:",
  '    deny:\n      - { id: no-echo, server: "*", tools: [echo] }\nbindings:',
);

/** A TLS connection on which nothing was said yet. */
export async function connect(gateway: Gateway): Promise<Wire> {
  const { port } = new URL(gateway.publicUrl);
  const wire = await openWire({ host: "127.0.0.1", port: Number(port), ca: await readFile(gateway.caFile, "utf8") });
  onTestFinished(() => wire.leave());
  return wire;
}

/** Tells how the gateway ended, once it has. */
export function watchExit({ child }: Gateway): () => unknown {
  let how: unknown;
  child.once("exit", (...parts) => {
    how = parts;
  });
  return () => how;
}

export async function isDraining({ adminUrl }: Gateway): Promise<boolean> {
  const answer = await fetch(`${adminUrl}/readyz`).catch(() => undefined);
  return answer?.status === 503;
}

export async function lastReload(gateway: Gateway): Promise<number | undefined> {
  const [, value] = /^sallyport_config_last_reload_successful (\d)$/m.exec(await scrape(gateway)) ?? [];
  return value === undefined ? undefined : Number(value);
}

export async function reloads(gateway: Gateway): Promise<readonly unknown[]> {
  return (await readAudit(gateway)).filter(({ event }) => event === "reload").map(({ note }) => note);
}

/**
 * Has the gateway read its files, and returns what it says of that. It also looks at them by itself: a record of its own look may come
 * before this one, with half of a change, or behind it.
 */
export async function hangUp(gateway: Gateway): Promise<unknown> {
  const asked = async () => (await reloads(gateway)).filter((note) => (note as { cause: string }).cause === "SIGHUP");
  const before = (await asked()).length;
  gateway.child.kill("SIGHUP");
  return until("the reload that was asked for", async () => (await asked())[before]);
}

export async function verify(path: string): Promise<{ code: number; report: Record<string, unknown> }> {
  const run = promisify(execFile)(process.execPath, [sallyport, "audit", "verify", "--json", path]);
  const { code, stdout } = await run.then(
    ({ stdout }) => ({ code: 0, stdout }),
    (error: { code: number; stdout: string }) => error,
  );
  return { code, report: JSON.parse(stdout) as Record<string, unknown> };
}

export function replaceFile(path: string, text: string): Promise<void> {
  return writeFile(`${path}.new`, text).then(() => rename(`${path}.new`, path));
}
