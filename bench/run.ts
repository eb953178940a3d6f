/**
 * `npm run bench [-- --seconds 1.5 --rounds 5 --json]`: processor time and throughput of a checked call, side by side.
 * bench/README.md says how to read what it prints.
 */
import { parseArgs } from "node:util";
import { renderCall, requestHeaders } from "./call.ts";
import { forbiddenTool, type GuardedCandidate, startField } from "./candidates.ts";
import { measure } from "./measure.ts";
import { describeMachine, type Measured, renderTable, summarize } from "./report.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "1.5" },
    rounds: { type: "string", default: "5" },
    json: { type: "boolean", default: false },
  },
});
const seconds = Number(values.seconds);
const rounds = Number(values.rounds);
if (!(seconds > 0) || !Number.isInteger(rounds) || rounds < 5) {
  console.error("--seconds takes a number above 0, --rounds a whole number of at least 5");
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

const { candidates, token, stop } = await startField();
try {
  for (const candidate of candidates) await checkGuards(candidate, token);
  const results: Measured[][] = [];
  for (let round = 0; round < rounds; round++) {
    const measured: Measured[] = [];
    // Each round begins with another candidate, so that none always follows the same one.
    for (const index of candidates.keys()) {
      const candidate = candidates[(index + round) % candidates.length];
      if (candidate !== undefined) measured.push(await measure(candidate, token, { connections, seconds }));
    }
    results.push(measured);
    console.error(`round ${round + 1} of ${rounds}`);
  }
  const summary = summarize(
    candidates.map(({ name }) => name),
    results,
    "obvious stack",
  );
  const machine = describeMachine();
  if (values.json) console.log(JSON.stringify({ machine, connections, seconds, rounds: results, summary }, null, 2));
  else
    console.log(`${machine}; ${connections} connections, ${rounds} rounds of ${seconds} s\n\n${renderTable(summary)}`);
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
} finally {
  await stop();
}
