/** An encrypted trail of a gateway that runs, is restarted, and is told to make it unreadable. */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { expect, it, onTestFinished } from "vitest";
import { startChild } from "../fixtures/child.ts";
import { until } from "../golden/observe.ts";
import { createClient, toolCall } from "./http.ts";
import { type Setting, sallyport, set } from "./setting.ts";

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run({ gateway }: Setting, ...args: string[]): Promise<Ran> {
  return runWith("", gateway.directory, ...args);
}

/** @param input what it reads from stdin */
function runWith(input: string, cwd: string, ...args: string[]): Promise<Ran> {
  const running = promisify(execFile)(process.execPath, [sallyport, "audit", ...args], { cwd });
  running.child.stdin?.end(input);
  return running.then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: Ran) => error,
  );
}

async function search(setting: Setting, ...args: string[]) {
  const { stdout, stderr } = await run(setting, "search", "--json", "--event", "request", ...args);
  const records = stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
  return { records, stderr };
}

/** What stands in all files. A gateway that runs puts new ones in the place of others: then it is looked again. */
function filesOf(directory: string): Promise<string> {
  return until("files that stay while they are read", async () => {
    const entries = await readdir(directory, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    const texts = await Promise.all(files.map((file) => readFile(file, "latin1"))).catch(passOver);
    return texts?.join("\n");
  });
}

function passOver(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
}

it.each([
  ["in clear", false],
  ["encrypted", true],
])(
  "%s: a key that leaked leads to every call that carried it, and to none of who was erased",
  async (_how, encryption) => {
    const setting = await set({ configOverrides: { audit: { encryption } } });
    const { gateway, client } = setting;
    const other = await createClient(gateway, "alpha", await gateway.mint({ server: "alpha", subject: "somebody" }));
    onTestFinished(() => other.close());
    const leaked = `ghp_${"b2".repeat(18)}`;
    await client.post(toolCall(1, "echo", { headers: { authorization: `Bearer ${leaked}` } }));
    await client.post(toolCall(2, "echo", { password: "another" }));
    await client.post(toolCall(3, "echo", { url: `https://a.example/?q=${leaked}&b=1` }));
    await other.post(toolCall(4, "echo", { body: JSON.stringify({ note: `use ${leaked}, please` }) }));

    const found = await runWith(`${leaked}\n`, gateway.directory, "fingerprint");
    expect(found).toMatchObject({ code: 0, stdout: expect.stringMatching(/^redacted:[0-9a-f]{12}\n$/) });
    const mark = found.stdout.trim();
    expect(JSON.parse((await runWith(leaked, gateway.directory, "fingerprint", "--json")).stdout)).toEqual({ mark });
    const carried = async () =>
      (await search(setting, mark)).records.map(({ identity, args }) => [identity.subject, JSON.stringify(args.view)]);
    const own = [
      ["tester", `{"headers":{"authorization":"[${mark}]"}}`],
      ["tester", `{"url":"https://a.example/?q=[${mark}]&b=1"}`],
    ];
    expect(await carried()).toEqual([...own, ["somebody", `{"body":"{\\"note\\":\\"use [${mark}], please\\"}"}`]]);
    expect((await filesOf(join(gateway.directory, "data"))).includes(mark)).toBe(!encryption);
    expect(await runWith("  \n", gateway.directory, "fingerprint")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("there is no secret"),
    });
    if (!encryption) return;
    await run(setting, "erase", "--subject", "somebody", "--issuer", "builtin", "--yes");
    expect(await carried()).toEqual(own);
  },
);

it("what is encrypted is read with the keys, shredded, erased and held, and verifies all along", async () => {
  const audit = { encryption: true, compress: false, rotate: { size: "6KiB" } };
  const setting = await set({ configOverrides: { audit } });
  const { gateway, client } = setting;
  const directory = dirname(gateway.auditFile);
  const closed = async () => (await readdir(directory)).filter((name) => /^audit\.\d+\.jsonl$/.test(name)).sort();
  const verified = async () => (await run(setting, "verify")).code;

  const other = await createClient(gateway, "alpha", await gateway.mint({ server: "alpha", subject: "somebody" }));
  onTestFinished(() => other.close());
  for (let id = 1; id <= 4; id += 1) {
    await client.post(toolCall(id, "echo", { note: "needle-of-tester" }));
    await other.post(toolCall(id, "echo", { note: "needle-of-somebody" }));
  }
  await until("a second closed file", async () => {
    await client.post(toolCall(9, "echo", { note: "needle-of-tester" }));
    return (await closed()).length >= 2 || undefined;
  });
  expect(await filesOf(join(gateway.directory, "data"))).not.toMatch(/needle|somebody/);
  expect([(await search(setting, "--subject", "somebody", "needle-of")).records.length, await verified()]).toEqual([
    4, 0,
  ]);
  const all = (await search(setting)).records.length;

  // Elsewhere, without the keys.
  const elsewhere = await promisify(execFile)(
    process.execPath,
    [sallyport, "audit", "search", "--json", "--audit", directory],
    {
      cwd: dirname(gateway.directory),
    },
  );
  expect([elsewhere.stdout.includes("needle"), elsewhere.stderr.match(/encrypted records, and no keys/g)]).toEqual([
    false,
    [expect.anything()],
  ]);

  const [first = ""] = await closed();
  expect(await run(setting, "hold", "set", "--reason", "case 7")).toMatchObject({ code: 0 });
  expect(await run(setting, "shred", "--segment", first, "--yes")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("legal hold"),
  });
  expect((await run(setting, "hold", "show")).stdout).toContain("case 7");
  expect(await run(setting, "hold", "lift")).toMatchObject({ code: 0 });
  expect(await run(setting, "shred", "--segment", join(directory, first))).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("--yes"),
  });
  expect(await run(setting, "shred", "--segment", join(directory, first), "--yes")).toMatchObject({ code: 0 });
  const after = await search(setting);
  expect(after.records.length).toBe(all);
  expect(after.records.filter(({ sealed }) => sealed !== undefined).length).toBeGreaterThan(0);
  expect(after.stderr).toContain("records whose key is not there");

  expect(await run(setting, "erase", "--subject", "somebody", "--issuer", "builtin", "--yes")).toMatchObject({
    code: 0,
  });
  expect((await search(setting, "--subject", "somebody")).records).toEqual([]);
  expect((await search(setting, "needle-of-somebody")).records).toEqual([]);
  expect(await verified()).toBe(0);

  gateway.child.kill("SIGTERM");
  await once(gateway.child, "exit");
  // Without a gateway the command writes the records itself.
  expect(await run(setting, "shred", "--before", "0s", "--yes")).toMatchObject({ code: 0 });
  const again = await startChild([sallyport, "serve", "-c", gateway.configFile]);
  onTestFinished(async () => void (await again.stop()));
  await again.stop();
  expect(await verified()).toBe(0);
  const { stdout } = await run(
    setting,
    "search",
    "--json",
    "--event",
    "shredded",
    "--event",
    "erased",
    "--event",
    "hold",
  );
  const notes = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line))
    .map(({ event, note }) => [event, note.set]);
  expect(notes.slice(0, 4)).toEqual([
    ["hold", true],
    ["hold", false],
    ["shredded", undefined],
    ["erased", undefined],
  ]);
  expect(notes.length).toBeGreaterThan(4);
  expect(await readdir(join(gateway.directory, "data", "audit-keys"))).not.toEqual([]);
});

it("no call goes on of which no record could be written, the key of the person being damaged", async () => {
  const { gateway, client, recorder } = await set({ configOverrides: { audit: { encryption: true } } });
  await client.post(toolCall(1, "echo", {}));
  const people = join(gateway.directory, "data", "audit-people");
  const [name = ""] = await readdir(people);
  await writeFile(join(people, name), "");
  const post = async () => (await client.post(toolCall(2, "echo", {}))).text.includes("audit_unavailable");
  await until("the gateway has looked at the key again", async () => (await post()) || undefined);
  const before = recorder.requests.length;
  expect([await post(), recorder.requests.length]).toEqual([true, before]);
});

// Linux alone can take the room for files away from a process that runs, and give it back.
it.runIf(existsSync("/usr/bin/prlimit"))(
  "a key that the disk has no room for is not used, and no half of it stays",
  async () => {
    const setting = await set({ configOverrides: { audit: { encryption: true } } });
    const { gateway, recorder } = setting;
    const token = await gateway.mint({ server: "alpha", subject: "late" });
    const late = await createClient(gateway, "alpha", token);
    onTestFinished(() => late.close());
    const limit = (bytes: string) =>
      promisify(execFile)("/usr/bin/prlimit", ["--pid", String(gateway.child.pid), `--fsize=${bytes}:unlimited`]);
    const people = async () => filesOf(join(gateway.directory, "data", "audit-people")).catch(() => "");

    await limit("50");
    expect((await late.post(toolCall(1, "echo", {}))).text).toContain("audit_unavailable");
    expect([recorder.requests.length, await people()]).toEqual([0, ""]);
    await limit("unlimited");
    await until(
      "the gateway to heal",
      async () => (await late.post(toolCall(2, "echo", {}))).text.includes("recorded") || undefined,
    );
    expect((await people()).length).toBe(95);
    expect((await search(setting, "--subject", "late")).records.length).toBeGreaterThan(0);
  },
);
