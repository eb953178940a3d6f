import type { webcrypto } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startChild } from "../test/fixtures/child.ts";
import { checkGuards, type Proof } from "./checks.ts";
import type { Entry } from "./comparisons.ts";
import { createIssuer } from "./issuer.ts";
import type { Candidate } from "./measure.ts";
import type { Name } from "./names.ts";
import { starters } from "./starters.ts";

/** Something that calls can be sent through, and what it is to be checked for. */
export interface GuardedCandidate extends Candidate {
  /** Whether it is to refuse a bad token, and a tool that policy forbids. */
  readonly guards: { readonly token: boolean; readonly tool: boolean };
  /** What else is to be true of it. */
  readonly prove: Proof;
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
  /** Of whoever signed them. */
  readonly key: webcrypto.JsonWebKey;
  stop(): Promise<void>;
}

/**
 * Starts the stub and every candidate before it that is needed, and checks that each does what it is measured for.
 *
 * @param nodeArgs for each Node that runs Sallyport
 * @throws Error when one does not
 */
export async function startField(entries: readonly Entry[], nodeArgs: readonly string[] = []): Promise<Field> {
  const directory = await mkdtemp(join(tmpdir(), "sallyport-bench-"));
  const stops: (() => Promise<unknown>)[] = [() => rm(directory, { recursive: true, force: true })];
  const stop = async () => {
    for (const end of stops.toReversed()) await end();
  };
  const candidates = new Map<Name, GuardedCandidate>();
  const missing: string[] = [];
  try {
    const issuer = await createIssuer(directory);
    const identities = Math.max(...entries.map((entry) => entry.identities));
    const tokens = await Promise.all(Array.from({ length: identities }, (_, index) => issuer.issue(`bench-${index}`)));
    const { ready, child, stop: stopStub } = await startChild([fileURLToPath(new URL("stub.ts", import.meta.url))]);
    stops.push(stopStub);
    const stub = { url: String(ready.url), pid: child.pid ?? 0 };
    for (const name of new Set(entries.map(({ candidate }) => candidate))) {
      const tls = entries.some(({ candidate, scene }) => candidate === name && scene.tls);
      const started = await starters[name]({ directory, issuer, stub, tls, nodeArgs, stops }, name);
      if (typeof started === "string") missing.push(started);
      else {
        await checkGuards(started, tokens[0] ?? "");
        candidates.set(name, started);
      }
    }
    return { candidates, missing: [...new Set(missing)], tokens, key: issuer.key, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
