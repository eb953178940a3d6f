/** A gateway that takes records out of its closed files while it works, and while others read them. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { generateIdentity, identityToRecipient } from "age-encryption";
import { expect, it, onTestFinished } from "vitest";
import { readRecords } from "../../src/audit/read/records.ts";
import { startChild } from "../fixtures/child.ts";
import { until } from "../golden/observe.ts";
import { toolCall } from "./http.ts";
import { type Setting, sallyport, set } from "./setting.ts";
import { runScript } from "./two-verifiers.ts";

async function run({ gateway }: Setting, ...args: readonly string[]): Promise<{ code: number; stdout: string }> {
  return promisify(execFile)(process.execPath, [sallyport, ...args], { cwd: gateway.directory }).then(
    ({ stdout }) => ({ code: 0, stdout }),
    (error: { code: number; stdout: string }) => error,
  );
}

const metadata = "/.well-known/oauth-protected-resource/alpha/mcp";

it.each([
  ["in clear", false],
  ["encrypted", true],
])(
  "%s: what was discovered goes, every call stays, and the trail verifies all along",
  { timeout: 240_000 },
  async (_how, encryption) => {
    const retention = { default: "400d", discovery: "1ms" };
    const audit = { encryption, retention, rotate: { size: "12KiB" }, checkpoints: { records: 7, interval: "1h" } };
    const setting = await set({ configOverrides: { audit } });
    const { gateway, client, log } = setting;
    const directory = dirname(gateway.auditFile);
    const tail = spawn(
      process.execPath,
      [sallyport, "audit", "tail", "-f", "-n", "999", "--json", "--event", "request"],
      {
        cwd: gateway.directory,
      },
    );
    onTestFinished(() => void tail.kill());
    let followed = "";
    tail.stdout.on("data", (chunk: Buffer) => (followed += chunk.toString()));

    const called: string[] = [];
    const identity = await generateIdentity();
    const identityFile = join(gateway.directory, "identity.txt");
    await writeFile(identityFile, identity, { mode: 0o600 });
    const archive = (at: number) => join(gateway.directory, `${at}.age`);
    for (let round = 1; round <= 2; round += 1) {
      for (let id = 1; id <= 12; id += 1) {
        called.push((await client.post(toolCall(id))).requestId);
        expect((await client.send("GET", { path: metadata })).status).toBe(200);
      }
      expect(await run(setting, "audit", "verify")).toMatchObject({ code: 0 });
      const recipient = await identityToRecipient(identity);
      await run(setting, "backup", "create", "--out", archive(round), "--recipient", recipient);
    }
    await until("what is removed", async () => {
      await client.send("GET", { path: metadata });
      const removed = await run(setting, "audit", "search", "--event", "expired", "--json");
      return removed.stdout.trim().split("\n").length >= 3 || undefined;
    });
    for (let round = 1; round <= 2; round += 1) {
      const verified = await run(setting, "backup", "verify", archive(round), "--identity", identityFile, "--json");
      expect(verified).toMatchObject({ code: 0, stdout: expect.stringContaining('"ok": true') });
    }
    await until("the last call", () => followed.endsWith("\n") && called.every((id) => followed.includes(id)));
    const lines = followed.trim().split("\n");
    expect(lines.map((line) => (JSON.parse(line) as { id: string }).id).toSorted()).toEqual(called.toSorted());

    gateway.child.kill("SIGTERM");
    await once(gateway.child, "exit");
    expect(
      log()
        .split("\n")
        .filter((line) => line.includes("could not be kept")),
    ).toEqual([]);
    const logFile = join(gateway.directory, "log");
    await writeFile(logFile, log());
    const key = (await run(setting, "audit", "key")).stdout.trim();
    const elsewhere = [directory, "--key", key, "--checkpoint", logFile];
    const { code, stdout } = await run(setting, "audit", "verify", "--json", ...elsewhere);
    const { removed, stopped } = JSON.parse(stdout) as { removed: number; stopped: boolean };
    expect([code, stopped, await runScript(elsewhere)]).toEqual([0, true, 0]);
    expect(removed).toBeGreaterThan(10);
    const found = await run(setting, "audit", "search", "--json", "--event", "request");
    expect(found.stdout.trim().split("\n")).toHaveLength(called.length);

    // A gateway that starts again goes on with it, and removes nothing twice.
    const again = await startChild([sallyport, "serve", "-c", gateway.configFile]);
    await again.stop();
    const told = [];
    for await (const { event, note } of readRecords(directory)) if (event === "expired") told.push(note?.file);
    expect(new Set(told).size).toBe(told.length);
    expect(await run(setting, "audit", "verify")).toMatchObject({ code: 0 });
    expect((await readdir(directory)).filter((name) => name.endsWith(".new"))).toEqual([]);
    const names = await readdir(join(gateway.directory, "data"), { recursive: true });
    const ledger = names.find((name) => name.endsWith(".thinned")) ?? "";
    expect(await readFile(join(gateway.directory, "data", ledger), "utf8")).toContain('"events":["discovery"]');
  },
);
