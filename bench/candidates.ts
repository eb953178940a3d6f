import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensureCertificates } from "../src/quickstart/certificates.ts";
import { startChild } from "../test/fixtures/child.ts";
import { createIssuer, type Issuer } from "./issuer.ts";
import type { Candidate } from "./measure.ts";
import { startHaproxy } from "./opponents/haproxy.ts";
import { startNginx } from "./opponents/nginx.ts";
import { type Opponent, obtain } from "./opponents/opponent.ts";
import { startSallyport } from "./sallyport.ts";

/** Everything that is measured, by the name it has in the tables. */
export const names = {
  direct: "no gateway",
  nginx: "nginx, no checks",
  cached: "HAProxy, verdicts cached",
  each: "HAProxy, each token verified",
  stack: "express stack",
  sallyport: "Sallyport",
  manyRules: "Sallyport, 1,000 rules",
} as const;
export type Name = keyof typeof names;

/** Something that calls can be sent through, and what it is to be checked for. */
export interface GuardedCandidate extends Candidate {
  /** Whether it is to refuse a bad token, and a tool that policy forbids. */
  readonly guards: { readonly token: boolean; readonly tool: boolean };
  /** The same over TLS, where it speaks it. */
  readonly tls: Candidate | null;
}

/** Everything that is measured, started. */
export interface Field {
  readonly candidates: ReadonlyMap<Name, GuardedCandidate>;
  /** What could not be had, in words. */
  readonly missing: readonly string[];
  /** One for each identity. */
  readonly tokens: readonly string[];
  stop(): Promise<void>;
}

export const forbiddenTool = "drop-everything";

const here = (file: string) => fileURLToPath(new URL(file, import.meta.url));
const isWithoutRecords = async () => null;
const none = { token: false, tool: false };
const tokenOnly = { token: true, tool: false };
const both = { token: true, tool: true };

/**
 * Starts the stub and every candidate before it.
 *
 * @param identities so many tokens are signed
 */
export async function startField(identities: number): Promise<Field> {
  const directory = await mkdtemp(join(tmpdir(), "sallyport-bench-"));
  const stops: (() => Promise<unknown>)[] = [() => rm(directory, { recursive: true, force: true })];
  const candidates = new Map<Name, GuardedCandidate>();
  const missing: string[] = [];
  const stop = async () => {
    for (const end of stops.toReversed()) await end();
  };
  const add = (
    name: Name,
    guards: GuardedCandidate["guards"],
    { plain, tls, pid }: Omit<Opponent, "stop">,
    ca = "",
  ) => {
    const common = { name: names[name], pid, countRecords: isWithoutRecords };
    const overTls = tls === null ? null : { ...common, url: tls, caFile: ca };
    candidates.set(name, { ...common, url: plain, caFile: null, guards, tls: overTls });
  };
  const addNode = async (name: Name, guards: GuardedCandidate["guards"], args: readonly string[]) => {
    const { ready, child, stop: end } = await startChild(args);
    stops.push(end);
    add(name, guards, { plain: String(ready.url), tls: null, pid: child.pid ?? 0 });
    return String(ready.url);
  };
  try {
    const issuer = await createIssuer(directory);
    const tokens = await Promise.all(Array.from({ length: identities }, (_, index) => issuer.issue(`bench-${index}`)));
    const stub = await addNode("direct", none, [here("stub.ts")]);
    const stack = { target: stub, jwks: issuer.jwks, issuer: issuer.url, audience: issuer.audience };
    const args = Object.entries({ ...stack, log: join(directory, "stack.log") }).flatMap(([key, value]) => [
      `--${key}`,
      value,
    ]);
    await addNode("stack", tokenOnly, [here("opponents/stack.ts"), ...args]);
    if (obtain("haproxy", "haproxy")) {
      const { ca, server, serverKey } = await ensureCertificates(join(directory, "certs"), new Date());
      const pem = join(directory, "haproxy.pem");
      await writeFile(pem, (await readFile(server, "utf8")) + (await readFile(serverKey, "utf8")), { mode: 0o600 });
      for (const verification of ["cached", "each"] as const) {
        const haproxy = await startHaproxy(directory, stub, issuer, pem, verification);
        stops.push(haproxy.stop);
        add(verification, both, haproxy, ca);
      }
    } else missing.push("HAProxy could not be installed: its rows are left out");
    if (obtain("nginx", "nginx-light")) {
      const nginx = await startNginx(directory, stub);
      stops.push(nginx.stop);
      add("nginx", none, nginx);
    } else missing.push("nginx could not be installed: its rows are left out");
    candidates.set("sallyport", await startBoth(stub, issuer, stops));
    const manyRules = await startSallyport(stub, issuer, { rules: 1_000 });
    stops.push(manyRules.gateway.stop);
    candidates.set("manyRules", { ...manyRules, name: names.manyRules, guards: both, tls: null });
    return { candidates, missing, tokens, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** One process for each scheme: a Sallyport has one listener. */
async function startBoth(stub: string, issuer: Issuer, stops: (() => Promise<unknown>)[]): Promise<GuardedCandidate> {
  const plain = await startSallyport(stub, issuer);
  stops.push(plain.gateway.stop);
  const tls = await startSallyport(stub, issuer, { tls: true });
  stops.push(tls.gateway.stop);
  return { ...plain, name: names.sallyport, guards: both, tls: { ...tls, name: names.sallyport } };
}
