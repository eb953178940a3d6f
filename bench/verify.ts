/**
 * How many records of a trail are verified in a second of processor time: `npm run bench:verify [-- --records 200000 --rounds 5 --json]`.
 *
 * The trail is written as a gateway writes it, with a checkpoint after each thousand records, and verified with the key. Fails below
 * 200,000 records a second, which is what an auditor is promised on one core; a machine that is busy or slow may miss it.
 */
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { firstPrev, sealRecord } from "../src/audit/chain.ts";
import { originOf, renderCheckpoint } from "../src/audit/checkpoint.ts";
import { type AuditEntry, gatewayEntry } from "../src/audit/record.ts";
import { verifyFiles } from "../src/audit/verify/verify.ts";
import { createNoteSigner } from "../src/crypto/note.ts";

const { values } = parseArgs({
  options: {
    records: { type: "string", default: "200000" },
    rounds: { type: "string", default: "5" },
    json: { type: "boolean", default: false },
  },
});

const promised = 200_000;
const trail = "0a1b2c3d4e5f";
const signer = createNoteSigner(Buffer.alloc(32, 1), () => "bench");

/** A call as an agent makes it. */
function callOf(number: number): AuditEntry {
  const identity = { issuer: "corp", subject: `agent-${number % 50}`, client: "cli", via: "jwt", groups: ["agents"] };
  return {
    ...gatewayEntry("start", new Date(1_780_000_000_000 + number).toISOString()),
    event: "request",
    id: `0d9d7c3e-0000-4000-8000-${String(number).padStart(12, "0")}`,
    peer: { ip: "10.0.0.7", proxied: false },
    identity,
    server: "weather",
    era: "modern",
    method: "tools/call",
    target: { kind: "tool", name: "forecast" },
    args: { digest: "rC1hQ5mZkzv0bq3X", view: { city: "Berlin", days: 3 } },
    decision: { effect: "allow", rule: "readers", policy: "policies/main.yaml:12", policies: "00112233", reason: null },
    outcome: { http: 200, rpc: null, tool_error: false, upstream: 200 },
    bytes: { in: 210, out: 340 },
    ms: { total: 2.13, upstream: 1.52 },
  };
}

function writeTrail(path: string, records: number): void {
  let prev = firstPrev;
  const lines: string[] = [];
  for (let seq = 1; seq <= records; seq += 1) {
    const head = { origin: originOf("bench", trail), seq: seq - 1, hash: prev };
    const isCheckpoint = seq % 1_000 === 0;
    const checkpoint = { ...gatewayEntry("checkpoint", new Date(0).toISOString()), checkpoint: "" };
    const entry = isCheckpoint ? { ...checkpoint, checkpoint: signer.sign(renderCheckpoint(head)) } : callOf(seq);
    const sealed = sealRecord(entry, { trail, seq, prev });
    lines.push(sealed.line);
    prev = sealed.hash;
  }
  writeFileSync(path, `${lines.join("\n")}\n`);
}

const directory = mkdtempSync(join(tmpdir(), "sallyport-bench-"));
try {
  const path = join(directory, "audit.jsonl");
  const records = Number(values.records);
  writeTrail(path, records);
  const bytes = statSync(path).size;
  const rates: number[] = [];
  for (let round = 0; round < Number(values.rounds); round += 1) {
    const before = process.cpuUsage();
    const report = await verifyFiles([path], { verifiers: [signer.verifier] });
    const { user, system } = process.cpuUsage(before);
    if (!report.ok || report.records !== records) throw new Error("the trail should verify");
    rates.push(Math.round(records / ((user + system) / 1e6)));
  }
  const sorted = rates.toSorted((one, other) => one - other);
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
  const result = { records, bytesOfRecord: Math.round(bytes / records), perSecond: median, rounds: rates };
  const text = `${records} records of ${result.bytesOfRecord} bytes: ${median} a second of processor time (at least ${promised})`;
  process.stdout.write(values.json ? `${JSON.stringify(result)}\n` : `${text}\n`);
  process.exitCode = median < promised ? 1 : 0;
} finally {
  rmSync(directory, { recursive: true, force: true });
}
