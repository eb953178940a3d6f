import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { z } from "zod";
import type { Check, Run } from "./compare.ts";

const suite = new URL("../../node_modules/@modelcontextprotocol/conformance/", import.meta.url);
const runTimeoutMs = 300_000;

const packageFile = z.object({ version: z.string() });
const checksFile = z.array(
  z.object({ id: z.string(), name: z.string(), status: z.string(), errorMessage: z.string().optional() }),
);
const requirementsFile = z.object({
  server: z.array(z.string()),
  not_scored: z.array(z.object({ scenario: z.string(), leg: z.string() })).default([]),
});

/** What a revision asks of a server: the scenarios that count, and those that are run and reported only. */
export interface Requirements {
  readonly scored: readonly string[];
  readonly unscored: readonly string[];
}

/** The revisions that the suite has requirements for, newest first. */
export async function listRevisions(): Promise<string[]> {
  const files = await readdir(new URL("requirements/", suite));
  return files.map((file) => file.replace(/\.yaml$/, "")).sort((a, b) => b.localeCompare(a));
}

/** The version of the suite that is installed. */
export async function readSuiteVersion(): Promise<string> {
  return packageFile.parse(JSON.parse(await readFile(new URL("package.json", suite), "utf8"))).version;
}

/** The server scenarios of `requirements/<revision>.yaml`. */
export async function readRequirements(revision: string): Promise<Requirements> {
  const text = await readFile(new URL(`requirements/${revision}.yaml`, suite), "utf8");
  const { server, not_scored } = requirementsFile.parse(parse(text));
  return { scored: server, unscored: not_scored.filter(({ leg }) => leg === "server").map(({ scenario }) => scenario) };
}

/**
 * Runs every server scenario of a revision against `url` and reads what each checked. The suite's exit code says less
 * than its checks and is not looked at.
 *
 * @throws Error when the suite made no checks at all or did not end within five minutes
 */
export async function runSuite(url: string, revision: string): Promise<Run> {
  const output = await mkdtemp(join(tmpdir(), "sallyport-conformance-"));
  try {
    const entry = fileURLToPath(new URL("dist/index.js", suite));
    const args = [entry, "server", "--url", url, "--requirements", revision, "--output-dir", output];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "pipe"], timeout: runTimeoutMs });
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
      stderr += chunk;
    });
    const [code, signal] = (await once(child, "close")) as [number | null, string | null];
    const run = await readRun(output);
    if (signal === null && run.size > 0) return run;
    throw new Error(`The conformance suite did not run (exit code ${code}, signal ${signal}).\n${stderr}`);
  } finally {
    await rm(output, { recursive: true, force: true });
  }
}

async function readRun(output: string): Promise<Run> {
  const run = new Map<string, readonly Check[]>();
  for (const folder of await readdir(output)) {
    const scenario = /^server-(.+)-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-\d{3}Z$/.exec(folder)?.[1];
    if (scenario === undefined) throw new Error(`The conformance suite named a folder ${folder}.`);
    // A scenario that threw leaves its folder empty.
    const text = await readFile(join(output, folder, "checks.json"), "utf8").catch(() => "[]");
    run.set(scenario, checksFile.parse(JSON.parse(text)));
  }
  return run;
}
