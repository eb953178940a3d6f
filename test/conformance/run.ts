/**
 * `npm run conformance [-- --revision R]... [--through gateway|shim] [--json] [--write]`
 *
 * Runs the official conformance suite against the test subject directly and through the gateway, and compares every check.
 * `--through shim` leaves the gateway out, to show that the shim itself loses nothing. Exit code: 0 nothing lost, 1 something
 * lost or the subject itself fails, 2 could not run.
 */
import { readFile, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { startGateway } from "../fixtures/gateway.ts";
import { startSubject } from "../fixtures/start.ts";
import { countPassed, findLost, isPassed, type Run } from "./compare.ts";
import { type Comparison, isClean, renderPage, renderReport, type Tally } from "./report.ts";
import { startShim } from "./shim.ts";
import { listRevisions, type Requirements, readRequirements, readSuiteVersion, runSuite } from "./suite.ts";

const page = new URL("../../docs/conformance.md", import.meta.url);
/** The suite sends hundreds of requests within a minute, all from one address and identity. */
const plenty = { requests: 1_000_000, window: "1m" };

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      revision: { type: "string", multiple: true },
      through: { type: "string", default: "gateway" },
      json: { type: "boolean", default: false },
      write: { type: "boolean", default: false },
    },
  });
  const { through, json, write } = values;
  if (through !== "gateway" && through !== "shim") throw new Error("--through takes gateway or shim.");
  if (write && (through !== "gateway" || values.revision !== undefined)) {
    throw new Error("--write wants the whole comparison, without --through or --revision.");
  }
  await using cleanup = new AsyncDisposableStack();
  const subject = await startSubject();
  cleanup.defer(subject.stop);
  const open = through === "gateway" ? openGateway : openNothing;
  const url = await open(subject.url, cleanup);
  const comparisons: Comparison[] = [];
  for (const revision of values.revision ?? (await listRevisions())) {
    comparisons.push(await compare(revision, subject.url, url));
  }
  console.log(json ? JSON.stringify(comparisons, null, 2) : renderReport(comparisons));
  if (write) await writeFile(page, renderPage(comparisons, await readSuiteVersion()));
  return comparisons.every(isClean) ? 0 : 1;
}

/** The gateway with a shim in front of it; what it starts is stopped by `cleanup`. */
async function openGateway(upstream: string, cleanup: AsyncDisposableStack): Promise<string> {
  const limits = { address: plenty, identity: { ...plenty, concurrent: 1_000, streams: 1_000 } };
  const gateway = await startGateway({ servers: { subject: upstream }, configOverrides: { limits } });
  cleanup.defer(async () => void (await gateway.stop()));
  const target = new URL("/subject/mcp", gateway.publicUrl);
  const token = await gateway.mint({ server: "subject", ttl: "1h" });
  const shim = await startShim({ target, token, ca: await readFile(gateway.caFile, "utf8") });
  cleanup.defer(shim.stop);
  return shim.url;
}

async function openNothing(upstream: string, cleanup: AsyncDisposableStack): Promise<string> {
  const shim = await startShim({ target: new URL(upstream) });
  cleanup.defer(shim.stop);
  return shim.url;
}

async function compare(revision: string, directUrl: string, throughUrl: string): Promise<Comparison> {
  const requirements = await readRequirements(revision);
  const { scored, unscored } = requirements;
  const direct = await runSuite(directUrl, revision);
  const through = await runSuite(throughUrl, revision);
  return {
    revision,
    scenarios: { scored: scored.length, all: scored.length + unscored.length },
    direct: tally(direct, requirements),
    through: tally(through, requirements),
    lost: findLost(direct, through),
    failedDirectly: scored.filter((scenario) => !isPassed(direct.get(scenario))),
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
