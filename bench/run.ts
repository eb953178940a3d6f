/**
 * `npm run bench [-- --rounds 9 --seconds 1.5 --only TEXT --json --write]`: what a checked call costs, side by side with
 * other gateways. Exit code 1 when a target is missed. `npm run bench -- --profile [--only TEXT --out DIR]`: where Sallyport's
 * time goes. bench/README.md says how to read what they print.
 */
import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { startField } from "./candidates.ts";
import { choose } from "./choose.ts";
import { listEntries } from "./comparisons.ts";
import { type Judged, judge, renderCosts, renderJudged, renderPage } from "./judge.ts";
import { profile } from "./profile.ts";
import { describeMachine } from "./report.ts";
import { measureRounds } from "./rounds.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "1.5" },
    rounds: { type: "string", default: "9" },
    only: { type: "string", multiple: true, default: [] },
    json: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
    profile: { type: "boolean", default: false },
    out: { type: "string" },
  },
});
const extent = { seconds: Number(values.seconds), rounds: Number(values.rounds), connections: 16 };
const chosen = choose(values.only);
if (!(extent.seconds > 0) || !Number.isInteger(extent.rounds) || extent.rounds < 1 || chosen.length === 0) {
  console.error("--seconds takes a number above 0, --rounds a whole number of at least 1, --only a part of a title");
  process.exit(2);
}

async function compare(): Promise<void> {
  const entries = listEntries(chosen);
  const field = await startField(entries);
  try {
    for (const words of field.missing) console.error(`${words}: its rows are left out`);
    const results = await measureRounds(field, entries, extent, (words) => console.error(words));
    const judged = chosen.map((comparison) => judge(comparison, results)).filter((row): row is Judged => row !== null);
    const { connections, rounds, seconds } = extent;
    const machine = `${describeMachine()}; ${connections} connections, ${rounds} rounds of ${seconds} s`;
    const json = JSON.stringify(
      { machine, judged, rounds: results.map((round) => Object.fromEntries(round)) },
      null,
      2,
    );
    if (values.json) console.log(json);
    else console.log(`${machine}\n\n${renderJudged(judged)}\n\n${renderCosts(entries, results)}`);
    if (values.write) {
      const docs = new URL("../docs/", import.meta.url);
      await writeFile(new URL("performance.md", docs), renderPage(machine, judged, entries, results));
      await writeFile(new URL("performance.json", docs), `${json}\n`);
    }
    if (judged.some(({ verdict }) => verdict === "missed")) process.exitCode = 1;
  } finally {
    await field.stop();
  }
}

/** One profile is of one thing: the first that was chosen. */
async function explain(): Promise<void> {
  const [first] = chosen;
  if (first === undefined) return;
  const { files, table } = await profile(first.own, extent, values.out ?? null);
  console.log(`${table}\n\n${files.join("\n")}`);
}

try {
  await (values.profile ? explain() : compare());
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
