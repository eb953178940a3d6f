/**
 * `npm run bench:mixed [-- --minutes 60 --seed 1 --json]`: an hour of what a gateway has to live with, good clients, refused
 * ones, and clients and servers that break off in every way. Exit code 1 when it grows, holds on to something, or its audit
 * does not account for every message. bench/README.md says how to read what it prints.
 */
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import { prepareScales } from "./memory.ts";
import { describeMachine } from "./report.ts";
import { createSetting } from "./soak/setting.ts";
import { type Outcome, soak } from "./soak/soak.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "60" },
    seed: { type: "string", default: String(randomInt(2 ** 32)) },
    json: { type: "boolean", default: false },
  },
});
const minutes = Number(values.minutes);
const seed = Number(values.seed);
if (!(minutes >= 1) || !Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) {
  console.error("--minutes takes a number of at least 1, --seed a whole number below 2^32");
  process.exit(2);
}

function renderText({ counts, residentBytes, verdicts }: Outcome): string {
  const { messages, answers, refusals, faults, reloads, restarts } = counts;
  const [before, after] = [residentBytes.before, residentBytes.after].map((bytes) => Math.round(bytes / 1_048_576));
  return [
    `seed ${seed}, ${minutes} minutes: ${messages} messages, ${answers} answers, ${refusals} refusals, ${faults} faults,`,
    `${reloads} reloads, ${restarts} restarts of a server; RSS ${after} MiB (${before} after the warm-up)`,
    ...verdicts.map(({ about, fine, text }) => `${fine ? "ok" : "FAILED"}: ${about}: ${text}`),
  ].join("\n");
}

prepareScales();
const setting = await createSetting();
try {
  console.error(`seed ${seed}, ${minutes} minutes`);
  const outcome = await soak(setting, minutes, seed, (line) => console.error(line));
  const fine = outcome.verdicts.every((verdict) => verdict.fine);
  const report = { machine: describeMachine(), seed, minutes, ...outcome, fine };
  console.log(values.json ? JSON.stringify(report, null, 2) : renderText(outcome));
  process.exitCode = fine ? 0 : 1;
} finally {
  await setting.clear();
}
