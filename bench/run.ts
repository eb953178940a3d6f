/**
 * `npm run bench [-- --rounds 9 --seconds 1.5 --only TEXT --json --write]`: what a checked call costs, side by side with
 * other gateways. Exit code 1 when a target is missed. bench/README.md says how to read what it prints.
 */
import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { renderCall, requestHeaders } from "./call.ts";
import { type Field, forbiddenTool, type GuardedCandidate, startField } from "./candidates.ts";
import { comparisons, type Entry, keyOf, listEntries } from "./comparisons.ts";
import { type Judged, judge, renderCosts, renderJudged, renderPage } from "./judge.ts";
import { type Measured, measure } from "./measure.ts";
import { describeMachine } from "./report.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "1.5" },
    rounds: { type: "string", default: "9" },
    only: { type: "string", default: "" },
    json: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
  },
});
const seconds = Number(values.seconds);
const rounds = Number(values.rounds);
const chosen = comparisons.filter(({ title, base }) => `${title} ${base.candidate}`.includes(values.only));
if (!(seconds > 0) || !Number.isInteger(rounds) || rounds < 1 || chosen.length === 0) {
  console.error("--seconds takes a number above 0, --rounds a whole number of at least 1, --only a part of a title");
  process.exit(2);
}

const connections = 16;

/**
 * Makes sure that a candidate does what it is measured for.
 *
 * @throws Error
 */
async function checkGuards({ name, url, guards }: GuardedCandidate, token: string): Promise<void> {
  const call = (bearer: string, tool?: string) =>
    fetch(url, { method: "POST", headers: requestHeaders(bearer), body: renderCall(1, tool) });
  const good = await call(token);
  if (good.status !== 200 || !(await good.text()).includes('"result"'))
    throw new Error(`${name} does not let a good call pass`);
  // The last character of a signature may have bits that do not count; the first one's all do.
  const dot = token.lastIndexOf(".") + 1;
  const bad = await call(`${token.slice(0, dot)}${token[dot] === "A" ? "B" : "A"}${token.slice(dot + 1)}`);
  if (guards.token !== (bad.status === 401)) throw new Error(`${name}: status ${bad.status} for a bad token`);
  const forbidden = await (await call(token, forbiddenTool)).text();
  if (guards.tool === forbidden.includes('"result"')) throw new Error(`${name}: ${forbidden} for a forbidden tool`);
}

/** One round of everything that is there. */
async function measureAll({ candidates, tokens }: Field, entries: readonly Entry[]): Promise<Map<string, Measured>> {
  const measured = new Map<string, Measured>();
  for (const entry of entries) {
    const candidate = candidates.get(entry.candidate);
    const target = entry.scene.tls ? candidate?.tls : candidate;
    if (target === undefined || target === null) continue;
    const load = { connections, seconds, tokens: tokens.slice(0, entry.identities), call: entry.scene };
    measured.set(keyOf(entry), await measure(target, entry.rate === null ? load : { ...load, rate: entry.rate }));
  }
  return measured;
}

const entries = listEntries(chosen);
const field = await startField(Math.max(...entries.map(({ identities }) => identities)));
try {
  const [token = ""] = field.tokens;
  for (const words of field.missing) console.error(words);
  for (const candidate of field.candidates.values()) await checkGuards(candidate, token);
  // Compilers of Node take tens of thousands of calls until they have settled; nobody else minds.
  await measureAll(field, entries);
  console.error("warmed up");
  const results: Map<string, Measured>[] = [];
  for (let round = 0; round < rounds; round++) {
    // Each round begins with another candidate, so that none always follows the same one.
    const turned = entries
      .map((_, index) => entries[(index + round) % entries.length])
      .filter((entry) => entry !== undefined);
    results.push(await measureAll(field, turned));
    console.error(`round ${round + 1} of ${rounds}`);
  }
  const judged = chosen.map((comparison) => judge(comparison, results)).filter((row): row is Judged => row !== null);
  const machine = `${describeMachine()}; ${connections} connections, ${rounds} rounds of ${seconds} s`;
  const json = JSON.stringify({ machine, judged, rounds: results.map((round) => Object.fromEntries(round)) }, null, 2);
  if (values.json) console.log(json);
  else console.log(`${machine}\n\n${renderJudged(judged)}\n\n${renderCosts(entries, results)}`);
  if (values.write) {
    const docs = new URL("../docs/", import.meta.url);
    await writeFile(new URL("performance.md", docs), renderPage(machine, judged, entries, results));
    await writeFile(new URL("performance.json", docs), `${json}\n`);
  }
  if (judged.some(({ verdict }) => verdict === "missed")) process.exitCode = 1;
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
} finally {
  await field.stop();
}
