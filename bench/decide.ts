/**
 * What one decision costs, with ten rules and with a thousand: `npm run bench:decide [-- --rounds 15 --json]`.
 *
 * Rounds of both are interleaved, and the median of their ratios is what counts. Fails when a thousand rules cost more than twice what ten
 * cost.
 */
import { parseArgs } from "node:util";
import { compilePolicy } from "../src/policy/compile.ts";
import { judge, type View, viewOf } from "../src/policy/evaluate.ts";
import { type Circumstances, nobody } from "../src/policy/facts.ts";
import { readPolicies } from "../src/policy/load.ts";

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "15" }, json: { type: "boolean", default: false } },
});

const condition = 'mcp.tool.arguments.amount <= 100 && identity.subject == "ann"';

/** Rules about other tools, half of them with a wildcard, and a last one that allows; every tenth denies. */
function renderPolicy(rules: number, when: string | null): string {
  const extra = when === null ? "" : `, when: '${when}'`;
  const others = Array.from({ length: rules - 1 }, (_, at) => {
    const pattern = at % 2 === 0 ? `other-${at}` : `other-${at}-*`;
    return `{ server: s, tools: ["${pattern}"]${extra} }`;
  });
  const deny = others.filter((_, at) => at % 10 === 9);
  const allow = [...others.filter((_, at) => at % 10 !== 9), `{ server: s, tools: ["pay-*"]${extra} }`];
  return `version: 1\nroles: { r: { allow: [${allow.join(", ")}], deny: [${deny.join(", ")}] } }\nbindings: [{ roles: [r], subjects: [ann] }]\n`;
}

function viewWith(rules: number, when: string | null): View {
  const { sources, problems } = readPolicies([{ file: "bench.yaml", text: renderPolicy(rules, when) }]);
  if (problems.length > 0) throw new Error(JSON.stringify(problems));
  return viewOf(compilePolicy(sources, ["s"]), { ...nobody, issuer: "builtin", groups: [], subject: "ann" }, "s");
}

const names = Array.from({ length: 20 }, (_, at) => `pay-${at}`);
const decisions = 20_000;

/** Microseconds of processor time for one decision. */
function measure(view: View): number {
  const circumstances: Circumstances = {
    nowMs: 0,
    ip: "127.0.0.1",
    call: { method: "tools/call", args: { amount: 50 } },
    annotationsOf: () => undefined,
  };
  const before = process.cpuUsage();
  for (let at = 0; at < decisions; at++) {
    const name = names[at % names.length] ?? "";
    if (judge(view, { kind: "tool", name }, circumstances).effect !== "allow") throw new Error("it should be allowed");
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / decisions;
}

const median = (numbers: readonly number[]) =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;

function compare(title: string, when: string | null) {
  const [few, many] = [viewWith(10, when), viewWith(1_000, when)];
  for (const view of [few, many, few, many]) measure(view);
  const rounds = Array.from({ length: Number(values.rounds) }, () => ({ few: measure(few), many: measure(many) }));
  return {
    title,
    tenUs: median(rounds.map((round) => round.few)),
    thousandUs: median(rounds.map((round) => round.many)),
    ratio: median(rounds.map(({ few, many }) => many / few)),
  };
}

const results = [compare("plain rules", null), compare("rules with a condition", condition)];
const ok = results.every(({ ratio }) => ratio <= 2);
if (values.json) console.log(JSON.stringify({ ok, results }, null, 2));
else
  for (const { title, tenUs, thousandUs, ratio } of results)
    console.log(
      `${title}: ${tenUs.toFixed(2)} µs with 10, ${thousandUs.toFixed(2)} µs with 1,000, ratio ${ratio.toFixed(2)} (at most 2)`,
    );
process.exitCode = ok ? 0 : 1;
