/**
 * `npm run conformance [-- --suite VERSION]... [--revision R]... [--server NAME]... [--through gateway|shim] [--json] [--write]`
 *
 * Runs the official conformance suite against each test server directly and through the gateway, and compares every check.
 * `--through shim` leaves the gateway out, to show that the shim itself loses nothing. `--write` runs the scenarios for authorization
 * servers as well. Exit code: 0 nothing lost, 1 something
 * lost or a sound server itself fails, 2 could not run.
 */
import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { renderAuthorization, runAuthorization } from "./authorization.ts";
import { countPassed, findLost, isPassed, type Run } from "./compare.ts";
import { type Comparison, isClean, renderPage, renderReport, type Tally } from "./report.ts";
import { openDirect, openGateway, openShims } from "./routes.ts";
import { type RunningServer, type TestServer, testServers } from "./servers.ts";
import { listAuthorization, listSuites, type Requirements, readRequirements, runSuite, type Suite } from "./suite.ts";

const page = new URL("../../docs/conformance.md", import.meta.url);
const several = { type: "string", multiple: true } as const;

/** One row of the table to be. */
interface Contest {
  readonly suite: Suite;
  readonly revision: string;
  readonly server: TestServer;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      suite: several,
      revision: several,
      server: several,
      through: { type: "string", default: "gateway" },
      json: { type: "boolean", default: false },
      write: { type: "boolean", default: false },
    },
  });
  const { suite, revision, server, through, json, write } = values;
  if (through !== "gateway" && through !== "shim") throw new Error("--through takes gateway or shim.");
  if (write && (through !== "gateway" || (suite ?? revision ?? server) !== undefined)) {
    throw new Error("--write wants the whole comparison, without --through, --suite, --revision or --server.");
  }
  const suites = await listSuites();
  const contests = suites.flatMap((suite) =>
    [...suite.scenarios.keys()].flatMap((revision) => testServers.map((server) => ({ suite, revision, server }))),
  );
  const chosen = contests
    .filter(select("suite", suite, ({ suite }) => suite.version))
    .filter(select("revision", revision, ({ revision }) => revision))
    .filter(select("server", server, ({ server }) => server.name));
  const comparisons = await compareAll(chosen, through === "gateway" ? openGateway : openShims);
  console.log(json ? JSON.stringify(comparisons, null, 2) : renderReport(comparisons));
  if (!write) return comparisons.every(isClean) ? 0 : 1;
  const newest = suites.at(-1) as Suite;
  const authorized = await runAuthorization(newest);
  const { client } = await listAuthorization(newest);
  const section = renderAuthorization(newest.version, authorized, client);
  await writeFile(page, renderPage(comparisons, testServers, section));
  return comparisons.every(isClean) && [...authorized.values()].every(isPassed) ? 0 : 1;
}

/** Tells which contests an option asks for: all without it. */
function select(option: string, wanted: readonly string[] | undefined, read: (contest: Contest) => string) {
  return (contest: Contest, _index: number, all: readonly Contest[]): boolean => {
    const known = new Set(all.map(read));
    const unknown = wanted?.find((value) => !known.has(value));
    if (unknown !== undefined) throw new Error(`--${option} ${unknown}: there are ${[...known].join(", ")}.`);
    return wanted === undefined || wanted.includes(read(contest));
  };
}

function nameOf({ suite, revision, server }: Contest): string {
  return `suite ${suite.version}, revision ${revision}, server ${server.name}`;
}

async function compareAll(contests: readonly Contest[], openThrough: typeof openShims): Promise<Comparison[]> {
  await using cleanup = new AsyncDisposableStack();
  const running = new Map<string, RunningServer>();
  for (const server of new Set(contests.map(({ server }) => server))) {
    const started = await server.start();
    cleanup.defer(started.stop);
    running.set(server.name, started);
  }
  const direct = await openDirect(running, cleanup);
  const through = await openThrough(running, cleanup);
  const comparisons: Comparison[] = [];
  for (const contest of contests) {
    const { name } = contest.server;
    const comparison = await compare(contest, direct.get(name) ?? "", through.get(name) ?? "");
    console.error(`${nameOf(contest)}: ${comparison.lost.length} lost`);
    comparisons.push(comparison);
  }
  return comparisons;
}

async function compare(contest: Contest, directUrl: string, throughUrl: string): Promise<Comparison> {
  const { suite, revision, server } = contest;
  const requirements = await readRequirements(suite, revision);
  const { scored, unscored, extensions } = requirements;
  const direct = await runSuite(suite, directUrl, revision);
  const through = await runSuite(suite, throughUrl, revision);
  const sound = server.soundUntil !== undefined && revision <= server.soundUntil;
  const expected = sound ? [...scored, ...unscored].filter((scenario) => !extensions.includes(scenario)) : [];
  return {
    suite: suite.version,
    revision,
    server: server.name,
    scenarios: { scored: scored.length, all: scored.length + unscored.length },
    direct: tally(direct, requirements),
    through: tally(through, requirements),
    lost: findLost(direct, through),
    failedDirectly: expected.filter((scenario) => !isPassed(direct.get(scenario))),
  };
}

function tally(run: Run, { scored, unscored }: Requirements): Tally {
  const passed = (scenarios: readonly string[]) => scenarios.filter((scenario) => isPassed(run.get(scenario))).length;
  return { scored: passed(scored), all: passed([...scored, ...unscored]), checks: countPassed(run) };
}

process.exitCode = await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  return 2;
});
