/** A gateway that is backed up while it has work, is lost, and goes on from the archive. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { generateIdentity, identityToRecipient } from "age-encryption";
import { expect, it, onTestFinished } from "vitest";
import { readRecords } from "../../src/audit/read/records.ts";
import { startChild } from "../fixtures/child.ts";
import { until } from "../golden/observe.ts";
import { writeTree } from "../unit/config/fixture.ts";
import { createClient, initialize, toolCall } from "./http.ts";
import { sallyport, set, verify, withSessions } from "./setting.ts";

async function run(...args: readonly string[]): Promise<Record<string, unknown>> {
  const said = promisify(execFile)(process.execPath, [sallyport, ...args, "--json"]);
  const { stdout } = await said.catch(({ stdout, stderr }: { stdout: string; stderr: string }) => {
    throw new Error(`${args.join(" ")} failed: ${stdout}${stderr}`);
  });
  return JSON.parse(stdout) as Record<string, unknown>;
}

/** Loaded into a command, which signals itself as soon as it has said so much: from elsewhere the signal may come when all is done. */
function interrupting(signal: NodeJS.Signals, moment: string): string {
  const script = `
    const write = process.stderr.write.bind(process.stderr);
    process.stderr.write = (text, ...rest) => {
      if (text.includes("${moment}")) process.kill(process.pid, "${signal}");
      return write(text, ...rest);
    };`;
  return `data:text/javascript,${encodeURIComponent(script)}`;
}

/** A place for archives, and a key for them. */
async function prepare() {
  const directory = await writeTree({});
  const identity = await generateIdentity();
  const identityFile = join(directory, "identity.txt");
  await writeFile(identityFile, identity, { mode: 0o600 });
  return { directory, recipient: await identityToRecipient(identity), identity: ["--identity", identityFile] };
}

it("goes on elsewhere: sessions and tokens of before are accepted, and the trail is the same", async () => {
  const place = await prepare();
  const audit = { rotate: { size: "16KiB" }, checkpoints: { records: 10, interval: "1h" } };
  // Without limits, files this small are closed faster than any command can open them, as it says then.
  const limits = { address: { requests: 600 }, identity: { requests: 600 } };
  const setting = await set({ handler: withSessions, configOverrides: { audit, limits }, connections: 4 });
  const { gateway, client, token } = setting;
  const { session = "" } = await client.post(initialize);
  expect(session).not.toBe("");

  let pressing = true;
  const answered: string[] = [];
  const press = async () => {
    // Behind its refusals the address is let in no more.
    for (let id = 1; pressing; id += 1) {
      const answer = await client.post(toolCall(id)).catch(() => null);
      if (answer === null) return;
      answered.push(answer.requestId);
    }
  };
  const load = Promise.all([press(), press(), press(), press()]);
  await until(
    "a closed file",
    async () => (await readdir(join(gateway.directory, "data/audit"))).length > 3 || undefined,
  );
  const certain = [...answered];
  const archives: string[] = [];
  for (const name of ["first", "second", "third"]) {
    const out = join(place.directory, `${name}.age`);
    await run("backup", "create", "-c", gateway.configFile, "--out", out, "--recipient", place.recipient);
    archives.push(out);
  }
  pressing = false;
  await load;
  for (const archive of archives) {
    expect(await run("backup", "verify", archive, ...place.identity)).toMatchObject({ ok: true, findings: [] });
  }

  gateway.child.kill("SIGTERM");
  await once(gateway.child, "exit");
  const to = join(place.directory, "restored");
  const last = archives.at(-1) ?? "";
  const restored = await run("backup", "restore", last, ...place.identity, "--to", to);
  const heads = restored.trails as { seq: number; trail: string }[];
  const config = String(restored.config);
  const again = await startChild([sallyport, "serve", "-c", config]);
  onTestFinished(async () => void (await again.stop()));
  expect(again.errors()).not.toContain("not what was signed last");

  const back = await createClient(gateway, "alpha", token);
  onTestFinished(() => back.close());
  const answer = await back.post(toolCall(1), { "mcp-session-id": session });
  expect([answer.status, answer.message]).toEqual([200, expect.objectContaining({ result: expect.anything() })]);
  await again.stop();

  const { code, report } = await verify(join(to, "data/audit"));
  expect({ code, report }).toMatchObject({ code: 0, report: { ok: true, trail: heads[0]?.trail, stopped: true } });
  const recorded = new Map<string | null, number>();
  for await (const { id, seq } of readRecords(join(to, "data/audit"))) recorded.set(id, seq);
  expect(certain.filter((id) => !recorded.has(id))).toEqual([]);
  expect(recorded.get(answer.requestId)).toBeGreaterThan(heads[0]?.seq ?? Infinity);
});

it("takes the trails of all workers", async () => {
  const place = await prepare();
  const { gateway, client } = await set({ configOverrides: { workers: 2 } });
  await client.post(toolCall(1));
  const out = join(place.directory, "backup.age");
  const made = await run("backup", "create", "-c", gateway.configFile, "--out", out, "--recipient", place.recipient);
  expect(made.trails).toMatchObject([{ number: 1 }, { number: 2 }]);
  expect(await run("backup", "verify", out, ...place.identity)).toMatchObject({ ok: true });
});

it.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("leaves nothing behind when %s interrupts it", async (signal) => {
  const place = await prepare();
  const { gateway } = await set();
  const more = join(gateway.directory, "data", "large");
  await writeFile(more, Buffer.alloc(96 * 1_048_576));
  const out = join(place.directory, "backup.age");
  const args = ["backup", "create", "-c", gateway.configFile, "--out", out, "--recipient", place.recipient];
  const interrupted = async (...words: readonly string[]) => {
    const temporary = join(place.directory, "tmp");
    await mkdir(temporary, { recursive: true });
    // Half of the work of create is done before there is a file.
    const preload = interrupting(signal, words.includes("create") ? "60%" : "20%");
    const child = spawn(process.execPath, ["--import", preload, sallyport, ...words], {
      env: { ...process.env, TMPDIR: temporary },
    });
    let said = "";
    child.stderr.on("data", (chunk: Buffer) => {
      said += chunk;
    });
    expect(await once(child, "close")).toEqual([2, null]);
    expect(said).toContain("interrupted; nothing was left behind");
    expect(await readdir(temporary)).toEqual([]);
  };
  await interrupted(...args);
  expect((await readdir(place.directory)).toSorted()).toEqual(["identity.txt", "tmp"]);
  await run(...args);
  await interrupted("backup", "verify", out, ...place.identity);
  const to = join(place.directory, "restored");
  await interrupted("backup", "restore", out, ...place.identity, "--to", to);
  await expect(readdir(to)).rejects.toThrow("ENOENT");
});
