import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { parse } from "yaml";
import { z } from "zod";
import type { Check, Run } from "./compare.ts";

/** Where npm put the versions of the suite; package.json gives the older one a name of its own. */
const packages = ["conformance-stable", "@modelcontextprotocol/conformance"];
const runTimeoutMs = 300_000;

const packageFile = z.object({ version: z.string() });
const checksFile = z.array(
  z.object({ id: z.string(), name: z.string(), status: z.string(), errorMessage: z.string().optional() }),
);
const requirementsFile = z.object({
  server: z.array(z.string()),
  not_scored: z.array(z.object({ scenario: z.string(), leg: z.string(), reason: z.string() })).default([]),
});

/** One installed version of the suite. */
export interface Suite {
  readonly version: string;
  /** Its package, with a slash at the end. */
  readonly directory: URL;
  /** Its server scenarios by revision, newest revision first. */
  readonly scenarios: ReadonlyMap<string, readonly string[]>;
  /** Revisions that it has a frozen set of requirements for. */
  readonly frozen: readonly string[];
}

/** The server scenarios of a revision. */
export interface Requirements {
  /** Those that count. */
  readonly scored: readonly string[];
  /** Those that are run and reported only: extensions, and what the suite added later. */
  readonly unscored: readonly string[];
  /** Those of `unscored` that no server needs to have. */
  readonly extensions: readonly string[];
}

/** The versions of the suite that are installed, oldest first. */
export async function listSuites(): Promise<Suite[]> {
  return Promise.all(packages.map((name) => openSuite(new URL(`../../node_modules/${name}/`, import.meta.url))));
}

async function openSuite(directory: URL): Promise<Suite> {
  const { version } = packageFile.parse(JSON.parse(await readFile(new URL("package.json", directory), "utf8")));
  const files = await readdir(new URL("requirements/", directory)).catch(() => []);
  const frozen = files.map((file) => file.replace(/\.yaml$/, ""));
  return { version, directory, scenarios: await listScenarios(directory), frozen };
}

async function listScenarios(directory: URL): Promise<Map<string, string[]>> {
  const lines = await listKind(directory, "--server");
  const found = lines.flatMap(({ name, tags }) => tags.map((revision) => ({ name, revision })));
  const dated = found.filter(({ revision }) => /^\d{4}-\d\d-\d\d$/.test(revision));
  const newestFirst = dated.toSorted((a, b) => b.revision.localeCompare(a.revision));
  const grouped = Map.groupBy(newestFirst, ({ revision }) => revision);
  return new Map([...grouped].map(([revision, entries]) => [revision, entries.map(({ name }) => name)]));
}

/** Names of the scenarios that are about authorization: what an authorization server is tested with, and what a client is. */
export async function listAuthorization({ directory }: Suite): Promise<{ server: string[]; client: string[] }> {
  const [server, client] = await Promise.all([listKind(directory, "--authorization"), listKind(directory, "--client")]);
  const nameOf = ({ name }: { name: string }) => name;
  return { server: server.map(nameOf), client: client.map(nameOf).filter((name) => name.startsWith("auth/")) };
}

async function listKind(directory: URL, kind: string): Promise<{ name: string; tags: string[] }[]> {
  const { stdout } = await promisify(execFile)(process.execPath, [entryOf(directory), "list", kind]);
  // A line `  - name [revision,revision]` for each; extensions have no revision there.
  const lines = [...stdout.matchAll(/^ {2}- (\S+) \[(.+)\]$/gm)];
  return lines.map(([, name = "", tags = ""]) => ({ name, tags: tags.split(",") }));
}

/** The requirements that were frozen for a revision; where there are none, every scenario that claims the revision counts. */
export async function readRequirements(suite: Suite, revision: string): Promise<Requirements> {
  const { directory, scenarios, frozen } = suite;
  if (!frozen.includes(revision)) return { scored: scenarios.get(revision) ?? [], unscored: [], extensions: [] };
  const text = await readFile(new URL(`requirements/${revision}.yaml`, directory), "utf8");
  const { server, not_scored } = requirementsFile.parse(parse(text));
  const others = not_scored.filter(({ leg }) => leg === "server");
  const extensions = others.filter(({ reason }) => reason === "extension");
  const nameOf = ({ scenario }: { scenario: string }) => scenario;
  return { scored: server, unscored: others.map(nameOf), extensions: extensions.map(nameOf) };
}

/**
 * Runs every server scenario of a revision against `url` and reads what each checked. The suite's exit code says less
 * than its checks and is not looked at.
 *
 * @throws Error when the suite made no checks at all or did not end within five minutes
 */
export async function runSuite({ directory, frozen }: Suite, url: string, revision: string): Promise<Run> {
  const output = await mkdtemp(join(tmpdir(), "sallyport-conformance-"));
  try {
    const which = frozen.includes(revision)
      ? ["--requirements", revision]
      : ["--suite", "all", "--spec-version", revision];
    const args = [entryOf(directory), "server", "--url", url, ...which, "--output-dir", output];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "pipe"], timeout: runTimeoutMs });
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
      stderr += chunk;
    });
    const [code, signal] = (await once(child, "close")) as [number | null, string | null];
    const run = await readRun(output, "server");
    if (signal === null && run.size > 0) return run;
    throw new Error(`The conformance suite did not run (exit code ${code}, signal ${signal}).\n${stderr}`);
  } finally {
    await rm(output, { recursive: true, force: true });
  }
}

/** The file that runs a suite. */
export function entryOf(directory: URL): string {
  return fileURLToPath(new URL("dist/index.js", directory));
}

/** What a run checked. @param kind of the scenarios, as the suite names its folders */
export async function readRun(output: string, kind: "server" | "authorization-server"): Promise<Run> {
  const form = new RegExp(`^${kind}-(.+)-\\d{4}-\\d\\d-\\d\\dT\\d\\d-\\d\\d-\\d\\d-\\d{3}Z$`);
  const run = new Map<string, readonly Check[]>();
  for (const folder of await readdir(output)) {
    const scenario = form.exec(folder)?.[1];
    if (scenario === undefined) throw new Error(`The conformance suite named a folder ${folder}.`);
    // A scenario that threw leaves its folder empty.
    const text = await readFile(join(output, folder, "checks.json"), "utf8").catch(() => "[]");
    run.set(scenario, checksFile.parse(JSON.parse(text)));
  }
  return run;
}
