import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensureCertificates } from "../src/quickstart/certificates.ts";
import { startChild } from "../test/fixtures/child.ts";
import { startRedis } from "../test/fixtures/redis.ts";
import { type Absence, type Part, parts } from "./absent/parts.ts";
import type { GuardedCandidate } from "./candidates.ts";
import { proveAbsence, proveExpiry, proveList } from "./checks.ts";
import type { Issuer } from "./issuer.ts";
import { collect, type Name, names } from "./names.ts";
import { startHaproxy, type Verification } from "./opponents/haproxy.ts";
import { startNginx } from "./opponents/nginx.ts";
import { type Opponent, obtain } from "./opponents/opponent.ts";
import { type Sallyport, type Setup, startSallyport } from "./sallyport.ts";
import { listedTools } from "./tool-list.ts";

/** What candidates stand on. */
export interface Ground {
  readonly directory: string;
  readonly issuer: Issuer;
  /** The server behind all of them, and its process. */
  readonly stub: { readonly url: string; readonly pid: number };
  /** Whether it is called over TLS, too. */
  readonly tls: boolean;
  /** For each Node that runs Sallyport. */
  readonly nodeArgs: readonly string[];
  /** Called in reverse when everything is over. */
  readonly stops: (() => Promise<unknown>)[];
}

/** Starts a candidate; resolves to what it lacks where it cannot be had. */
export type Starter = (ground: Ground, name: Name) => Promise<GuardedCandidate | string>;

const none = { token: false, tool: false };
const tokenOnly = { token: true, tool: false };
const both = { token: true, tool: true };
const nothing = async () => {};
const countRecords = async () => null;

/** How each candidate is started. */
export const starters: Readonly<Record<Name, Starter>> = {
  direct: async ({ stub }, name) => introduce(name, none, { plain: stub.url, tls: null, pid: stub.pid }),
  nginx: async ({ directory, stub, stops }, name) => {
    if (!obtain("nginx", "nginx-light")) return "nginx could not be installed";
    const nginx = await startNginx(directory, stub.url);
    stops.push(nginx.stop);
    return introduce(name, none, nginx);
  },
  cached: haproxy("cached"),
  each: haproxy("each"),
  stack: startStack,
  bare: startBare,
  sallyport: sallyport(),
  fewRules: sallyport({ rules: 10 }),
  rules: sallyport({ rules: 100 }),
  manyRules: sallyport({ rules: 1_000 }),
  half: async (ground, name) => ({
    ...(await startOwn(ground, name)),
    prove: proveList(listedTools / 2),
  }),
  all: async (ground, name) => ({
    ...(await startOwn(ground, name, { allTools: true })),
    guards: tokenOnly,
    prove: proveList(listedTools),
  }),
  strangers: sallyport(),
  workers: sallyport({ workers: 2 }),
  local: sallyport({ lowLimit: true }),
  redis: async (ground, name) => {
    if (!obtain("redis-server", "redis-server")) return "Redis could not be installed";
    const redis = await startRedis();
    ground.stops.push(redis.stop);
    return startOwn(ground, name, { redis: redis.url, lowLimit: true });
  },
  forced: sallyport({ auditMode: "fsync" }),
  hasty: sallyport({ auditMode: "besteffort" }),
  whole: sallyport(),
  ...collect(sallyportWithout),
};

/** A Sallyport among the candidates. */
type OwnCandidate = GuardedCandidate & Pick<Sallyport, "gateway">;

function introduce(
  name: Name,
  guards: GuardedCandidate["guards"],
  { plain, tls, pid }: Omit<Opponent, "stop">,
  ca = "",
): GuardedCandidate {
  const common = { name: names[name], pid, countRecords };
  const overTls = tls === null ? null : { ...common, url: tls, caFile: ca };
  return { ...common, url: plain, caFile: null, guards, tls: overTls, prove: nothing };
}

async function startStack({ directory, stub, issuer, stops }: Ground, name: Name): Promise<GuardedCandidate> {
  const options = { target: stub.url, jwks: issuer.jwks, issuer: issuer.url, audience: issuer.audience };
  const args = Object.entries({ ...options, log: join(directory, "stack.log") }).flatMap(([key, value]) => [
    `--${key}`,
    value,
  ]);
  const file = fileURLToPath(new URL("opponents/stack.ts", import.meta.url));
  const { ready, child, stop } = await startChild([file, ...args]);
  stops.push(stop);
  return introduce(name, tokenOnly, { plain: String(ready.url), tls: null, pid: child.pid ?? 0 });
}

async function startBare({ directory, stub, stops }: Ground, name: Name): Promise<GuardedCandidate> {
  const file = fileURLToPath(new URL("opponents/bare.ts", import.meta.url));
  const { ca, server, serverKey } = await ensureCertificates(join(directory, "certs"), new Date());
  const args = [file, "--target", stub.url, "--cert", server, "--key", serverKey];
  const { ready, child, stop } = await startChild(args);
  stops.push(stop);
  return introduce(name, none, { plain: String(ready.plain), tls: String(ready.tls), pid: child.pid ?? 0 }, ca);
}

function haproxy(verification: Verification): Starter {
  return async ({ directory, stub, issuer, stops }, name) => {
    if (!obtain("haproxy", "haproxy")) return "HAProxy could not be installed";
    const { ca, server, serverKey } = await ensureCertificates(join(directory, "certs"), new Date());
    const pem = join(directory, "haproxy.pem");
    await writeFile(pem, (await readFile(server, "utf8")) + (await readFile(serverKey, "utf8")), { mode: 0o600 });
    const program = await startHaproxy(directory, stub.url, issuer, pem, verification);
    stops.push(program.stop);
    return { ...introduce(name, both, program, ca), prove: proveExpiry(issuer) };
  };
}

function sallyport(setup: Setup = {}): Starter {
  return (ground, name) => startOwn(ground, name, setup);
}

function sallyportWithout(part: Part): Starter {
  const { replaced, passesTokens, passesTools, uncounted }: Absence = parts[part];
  return async (ground, name) => {
    const started = await startOwn(ground, name, { absent: part });
    return {
      ...started,
      ...(uncounted ? { countRecords } : {}),
      guards: { token: passesTokens !== true, tool: passesTools !== true },
      prove: proveAbsence(Object.keys(replaced), started.gateway),
    };
  };
}

/** One process for each scheme: a Sallyport has one listener. */
async function startOwn(ground: Ground, name: Name, setup: Setup = {}): Promise<OwnCandidate> {
  const start = async (tls: boolean) => {
    const started = await startSallyport(ground.stub.url, ground.issuer, { ...setup, tls, nodeArgs: ground.nodeArgs });
    ground.stops.push(started.gateway.stop);
    return { ...started, name: names[name] };
  };
  return { ...(await start(false)), guards: both, tls: ground.tls ? await start(true) : null, prove: nothing };
}
