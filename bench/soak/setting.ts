import { mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type ReadyChild, startChild } from "../../test/fixtures/child.ts";
import { type Gateway, startGateway } from "../../test/fixtures/gateway.ts";
import { type Stub, startStub } from "../idle.ts";
import { createIssuer, type Issuer } from "../issuer.ts";
import { rough, steady, subjects } from "./act.ts";
import { patience } from "./moods.ts";
import { allowance, maxBodyBytes, swingingTool } from "./refused.ts";

/** The gateway, the servers behind it, and what is done to them from outside. */
export interface Setting {
  readonly gateway: Gateway;
  readonly ca: Buffer;
  /** Not in the directory of the gateway, which goes with it. */
  readonly auditDirectory: string;
  tokenOf(subject: string): string;
  /** Has the other policy loaded, and gives everybody a new token. */
  reload(): Promise<void>;
  /** Ends the rough server, whatever it is doing, and starts it again. */
  restart(): Promise<void>;
  /** Stops the gateway in good order; resolves with its exit code. The audit file stays. */
  stopGateway(): Promise<number | null>;
  /** Stops and removes what is left. */
  clear(): Promise<void>;
}

function renderPolicy(swings: boolean): string {
  return `version: 1
roles:
  reader:
    allow:
      - { id: forecasts, server: "*", tools: [forecast, "get-*"${swings ? `, ${swingingTool}` : ""}] }
      - { id: papers, server: "*", resources: ["weather://*"], prompts: ["*"] }
    deny:
      - { id: never-drop, server: "*", tools: ["drop-*"] }
bindings:
  - { roles: [reader], groups: [readers] }
`;
}

function startRough(port: string): Promise<ReadyChild> {
  return startChild([fileURLToPath(new URL("rough.ts", import.meta.url)), "--port", port]);
}

function startBoth(stub: Stub, roughUrl: string, issuer: Issuer, auditDirectory: string): Promise<Gateway> {
  const timeouts = { firstByte: `${patience.firstByteMs}ms`, idle: `${patience.idleMs}ms` };
  return startGateway({
    servers: { [steady]: { url: stub.url }, [rough]: { url: roughUrl, timeouts } },
    policyYaml: renderPolicy(true),
    configOverrides: {
      listen: {
        maxBody: `${maxBodyBytes}B`,
        headersTimeout: `${patience.headersMs}ms`,
        bodyTimeout: `${patience.bodyMs}ms`,
      },
      identity: { issuers: { bench: { issuer: issuer.url, jwks: issuer.jwks, audience: [issuer.audience] } } },
      limits: {
        // All of the load comes from one address.
        address: { requests: 1_000_000_000 },
        identity: { requests: allowance.requests, window: `${allowance.windowMs}ms`, concurrent: 200, streams: 200 },
      },
      // What is shed on a machine that others use as well says nothing of what it is here for.
      overload: { lag: "30s" },
      // Several files, however short the run is.
      audit: { mode: "required", directory: auditDirectory, rotate: { size: "8MiB" } },
    },
  });
}

/** Starts everything, in temporary directories and on free ports. */
export async function createSetting(): Promise<Setting> {
  const directory = await mkdtemp(join(tmpdir(), "sallyport-mixed-"));
  const auditDirectory = join(directory, "audit");
  const stops: (() => Promise<unknown>)[] = [() => rm(directory, { recursive: true, force: true })];
  const clear = async () => {
    for (const stop of stops.splice(0).toReversed()) await stop();
  };
  try {
    const issuer = await createIssuer(directory);
    const stub = await startStub();
    stops.push(stub.stop);
    let child = await startRough("0");
    stops.push(() => child.stop());
    const roughUrl = String(child.ready.url);
    const gateway = await startBoth(stub, roughUrl, issuer, auditDirectory);
    const stopGateway = once(gateway.stop);
    stops.push(stopGateway);
    const tokens = new Map<string, string>();
    // Tokens are good for an hour, which a run may exceed.
    const renew = async () => {
      for (const subject of subjects) tokens.set(subject, await issuer.issue(subject));
    };
    await renew();
    let swings = true;
    return {
      gateway,
      ca: await readFile(gateway.caFile),
      auditDirectory,
      tokenOf: (subject) => tokens.get(subject) ?? "",
      async reload() {
        swings = !swings;
        const next = join(directory, "next.yaml");
        await writeFile(next, renderPolicy(swings));
        await rename(next, join(gateway.directory, "policies", "all.yaml"));
        gateway.child.kill("SIGHUP");
        await renew();
      },
      async restart() {
        await child.stop();
        child = await startRough(new URL(roughUrl).port);
      },
      stopGateway,
      clear,
    };
  } catch (error) {
    await clear();
    throw error;
  }
}

function once<Result>(act: () => Promise<Result>): () => Promise<Result> {
  let result: Promise<Result> | undefined;
  return () => {
    result ??= act();
    return result;
  };
}
