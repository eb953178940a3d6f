/** The files of a trail: closed, compressed, signed; and a gateway that is killed, or has no room, while it writes them. */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readdir, readFile, stat, truncate, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import fc from "fast-check";
import { expect, it, onTestFinished } from "vitest";
import { readRecords } from "../../src/audit/read/records.ts";
import { type ReadyChild, startChild } from "../fixtures/child.ts";
import type { Gateway } from "../fixtures/gateway.ts";
import { readMetric, scrape, until } from "../golden/observe.ts";
import { createClient, toolCall } from "./http.ts";
import { type Setting, sallyport, set } from "./setting.ts";

async function run(...args: string[]): Promise<{ code: number; stdout: string }> {
  return promisify(execFile)(process.execPath, [sallyport, "audit", ...args]).then(
    ({ stdout }) => ({ code: 0, stdout }),
    (error: { code: number; stdout: string }) => error,
  );
}

async function verify(...args: string[]): Promise<{ code: number; report: Record<string, unknown> }> {
  const { code, stdout } = await run("verify", "--json", ...args);
  return { code, report: JSON.parse(stdout) as Record<string, unknown> };
}

/** Starts the same gateway again, in the same directory. */
async function restart(gateway: Gateway): Promise<ReadyChild> {
  const again = await startChild([sallyport, "serve", "-c", gateway.configFile]);
  onTestFinished(async () => void (await again.stop()));
  return again;
}

async function call({ client }: Setting, count: number): Promise<void> {
  for (let id = 1; id <= count; id += 1) expect((await client.post(toolCall(id))).message).toHaveProperty("result");
}

it("closes, compresses and signs files, and an end that is cut off shows by the log and by the next start", async () => {
  const audit = { rotate: { size: "4KiB" }, checkpoints: { records: 5, interval: "1h" } };
  const setting = await set({ configOverrides: { audit } });
  const { gateway, log } = setting;
  const directory = dirname(gateway.auditFile);
  await call(setting, 30);
  await until(
    "a compressed file",
    async () => (await readdir(directory)).some((name) => name.endsWith(".gz")) || undefined,
  );
  expect(await verify("-c", gateway.configFile)).toMatchObject({ code: 0, report: { ok: true, stopped: false } });
  gateway.child.kill("SIGTERM");
  await once(gateway.child, "exit");
  const { code, report } = await verify("-c", gateway.configFile);
  const { lastSeq, signed, trail } = report as { lastSeq: number; signed: object; trail: string };
  expect({ code, stopped: report.stopped }).toEqual({ code: 0, stopped: true });
  expect(signed).toMatchObject({ throughSeq: lastSeq - 1 });

  // Somebody elsewhere has the public key and the log, and nothing else.
  const logFile = join(gateway.directory, "log");
  await writeFile(logFile, log());
  const key = (await run("key", "-c", gateway.configFile)).stdout.trim();
  const elsewhere = [directory, "--key", key, "--checkpoint", logFile];
  expect(await verify(...elsewhere)).toMatchObject({ code: 0, report: { ok: true, signed } });
  expect((await run("verify", directory)).stdout).toContain("signed    not looked at");
  expect(await verify(directory, "-c", gateway.configFile)).toMatchObject({ code: 0, report: { signed } });

  await truncate(gateway.auditFile, 0);
  expect(await verify(directory, "--key", key)).toMatchObject({ code: 0 });
  for (const args of [elsewhere, ["-c", gateway.configFile]]) {
    const cut = await verify(...args);
    expect(cut).toMatchObject({ code: 1, report: { findings: [{ kind: "cut" }] } });
  }

  const again = await restart(gateway);
  expect(again.errors()).toContain("the audit trail is not what was signed last");
  await again.stop();
  const starts = [];
  for await (const record of readRecords(directory)) if (record.event === "start") starts.push(record);
  expect(starts.at(-1)).toMatchObject({ trail, note: { lost: { to: lastSeq - 1 } } });
});

it("keeps every answered call and a chain that verifies, whenever it is killed", async () => {
  const { gateway, token } = await set({ configOverrides: { audit: { rotate: { size: "64KiB" } } } });
  const answered: string[] = [];
  /** Calls until the process is gone. */
  async function burden(child: ReadyChild, killAfter: number): Promise<void> {
    const exited = once(child.child, "exit");
    let count = 0;
    const clients = await Promise.all([1, 2, 3, 4].map(() => createClient(gateway, "alpha", token)));
    const press = async (client: (typeof clients)[number]) => {
      for (let id = 1; child.child.exitCode === null && child.child.signalCode === null; id += 1) {
        const answer = await client.post(toolCall(id)).catch(() => null);
        if (answer !== null && "result" in answer.message) {
          answered.push(answer.requestId);
          count += 1;
        }
        if (count === killAfter) child.child.kill("SIGKILL");
      }
    };
    await Promise.all(clients.map(press));
    await exited;
    await Promise.all(clients.map((client) => client.close()));
  }

  const [moments = []] = fc.sample(fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 50, maxLength: 50 }), 1);
  let child: ReadyChild = gateway;
  for (const [round, moment] of moments.entries()) {
    if (round > 0) child = await restart(gateway);
    await burden(child, moment);
  }
  await (await restart(gateway)).stop();

  const directory = dirname(gateway.auditFile);
  expect(await verify("-c", gateway.configFile)).toMatchObject({
    code: 0,
    report: { ok: true, stopped: true, findings: [] },
  });
  const recorded = new Set<string | null>();
  let starts = 0;
  for await (const { id, event } of readRecords(directory)) {
    recorded.add(id);
    if (event === "start") starts += 1;
  }
  expect(starts).toBe(moments.length + 1);
  expect(answered.length).toBeGreaterThanOrEqual(moments.reduce((sum, moment) => sum + moment, 0));
  expect(answered.filter((id) => !recorded.has(id))).toEqual([]);
});

// Linux alone can take the room for files away from a process that runs, and give it back.
it.runIf(existsSync("/usr/bin/prlimit"))(
  "goes on without records where it is told to, counts them, and records how many are missing",
  async () => {
    const setting = await set({ configOverrides: { audit: { mode: "besteffort" } } });
    const { gateway, log } = setting;
    await call(setting, 1);
    const limit = (bytes: string) =>
      promisify(execFile)("/usr/bin/prlimit", ["--pid", String(gateway.child.pid), `--fsize=${bytes}:unlimited`]);
    await limit(String((await stat(gateway.auditFile)).size));
    await call(setting, 3);
    expect((await fetch(`${gateway.adminUrl}/readyz`)).status).toBe(200);
    expect(await scrape(gateway)).toContain("sallyport_audit_write_errors_total 3");
    expect(await readAuditGauges(gateway)).toEqual(["up 0", "records_missing 3", "queue_length 0"]);
    expect(log()).toContain("audit record could not be written; calls go on without");
    await limit("unlimited");
    const text = await until("the record of what is missing", async () => {
      const text = await readFile(gateway.auditFile, "utf8");
      return text.includes('"event":"recovered"') ? text : undefined;
    });
    expect(text).toContain('"note":{"missing":3}');
    expect(await readAuditGauges(gateway)).toEqual(["up 1", "records_missing 0", "queue_length 0"]);
    expect(
      readMetric(await scrape(gateway), "sallyport_refusals_total", "reason").get("audit_unavailable"),
    ).toBeUndefined();
    expect(await verify(gateway.auditFile)).toMatchObject({ code: 0 });
  },
);

async function readAuditGauges(gateway: Gateway): Promise<string[]> {
  const lines = (await scrape(gateway)).matchAll(/^sallyport_audit_((?:up|records_missing|queue_length) .*)$/gm);
  return Array.from(lines, ([, gauge = ""]) => gauge);
}
