import { readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { runSuites, type SuiteFiles } from "../../config/suites.ts";
import { isSuite } from "../../policy/files.ts";
import { renderJunit } from "../../policy/suite/junit.ts";
import { describeReport, isPassed, renderText } from "../../policy/suite/report.ts";
import { reportFailure } from "../failure.ts";
import type { CommandIo } from "../io.ts";
import { printJson } from "../printing.ts";
import { loadPolicySet, type PolicyOptions, type PolicySet, withPoliciesAlone } from "./set.ts";
import { writeReport } from "./writing.ts";

interface TestOptions extends PolicyOptions {
  readonly junit?: string;
  readonly minCoverage?: number;
}

/** `sallyport policy test`. Exit code 0 every answer is as expected, 1 one is not or too few rules were tested, 2 nothing was tested. */
export function testCommand(io: CommandIo): Command {
  return withPoliciesAlone(new Command("test"))
    .description("run suites of tests against the policies, and tell which rules they have tested")
    .argument("[suite...]", "suite files, or directories of them; default: the suites beside the policies")
    .option("--json", "print one JSON object")
    .option("--junit <file>", "write the results as JUnit XML as well; - for standard output, instead")
    .option("--min-coverage <percent>", "fail when fewer of the rules have decided an answer", parsePercent)
    .action(async (named: readonly string[], options: TestOptions) => {
      try {
        if (options.junit === "-" && options.json === true) throw new Error("only one of them can be printed");
        const set = await loadPolicySet(options);
        const files = named.length === 0 ? besidePolicies(set) : await findNamed(named);
        if (files.paths.length === 0) throw new Error(nothingFound(named.length > 0));
        const tested = { ...(await runSuites(files, set)), minCoverage: options.minCoverage ?? null };
        if (options.junit !== undefined && options.junit !== "-") {
          await writeReport(options.junit, renderJunit(tested.runs));
        }
        if (options.junit === "-") io.out(renderJunit(tested.runs));
        else if (options.json === true) printJson(io, describeReport(tested));
        else io.out(renderText(tested));
        io.exit(isPassed(tested) ? 0 : 1);
      } catch (error) {
        reportFailure(io, error, options.json);
      }
    });
}

function besidePolicies({ suites, directory, shownIn }: PolicySet): SuiteFiles {
  return { paths: suites, directory, shownIn };
}

/** Files as they are named, and the suites of directories. */
async function findNamed(named: readonly string[]): Promise<SuiteFiles> {
  const found = await Promise.all(
    named.map(async (name) => {
      const entries = await readdir(name).catch(() => null);
      return entries === null
        ? [name]
        : entries
            .filter(isSuite)
            .sort()
            .map((entry) => join(name, entry));
    }),
  );
  const paths = [...new Set(found.flat().map((path) => resolve(path)))];
  return { paths, directory: process.cwd(), shownIn: "." };
}

function nothingFound(named: boolean): string {
  const where = named ? "there" : "beside the policies";
  return `nothing was tested: no suite is ${where}. A suite is a file such as policies/example_test.yaml:

version: 1
identities:
  alice: { subject: alice@example.com, groups: [analysts] }
requests:
  forecast: { server: weather, tool: forecast }
tests:
  - { name: analysts read the weather, identities: [alice], requests: [forecast], expect: allow }`;
}

function parsePercent(text: string): number {
  const percent = Number(text);
  if (!/^\d{1,3}$/.test(text) || percent > 100) throw new InvalidArgumentError("Expected a number from 0 to 100.");
  return percent;
}
