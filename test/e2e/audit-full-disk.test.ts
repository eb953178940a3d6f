/** A file system of its own that is really full, in each mode. */
import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  rmdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { readAudit, readMetric, scrape, until } from "../golden/observe.ts";
import { toolCall } from "./http.ts";
import { set, verify } from "./setting.ts";

/** A mounted file system of 128 KiB in memory, or null where this process may not mount. */
function mountSmall(): { readonly directory: string; unmount(): void } | null {
  const directory = mkdtempSync(join(tmpdir(), "sallyport-disk-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=128k", "tmpfs", directory], { stdio: "ignore" });
  } catch {
    rmdirSync(directory);
    return null;
  }
  return {
    directory,
    unmount() {
      execFileSync("umount", ["--lazy", directory]);
      rmdirSync(directory);
    },
  };
}

function canMount(): boolean {
  const disk = mountSmall();
  disk?.unmount();
  return disk !== null;
}

/** Takes all the room there is, but for so many bytes. */
function fill(file: string, leftBytes = 0): void {
  writeFileSync(file, "");
  try {
    for (;;) appendFileSync(file, Buffer.alloc(4096));
  } catch (error) {
    expect(error).toMatchObject({ code: "ENOSPC" });
  }
  truncateSync(file, statSync(file).size - leftBytes);
}

// Where nothing may be mounted, those with a limit on the size of files in trail.test.ts and audit-files.test.ts have to do.
it.skipIf(!canMount()).each(["required", "fsync", "besteffort"])(
  "a full disk in mode %s, where file systems may be mounted",
  async (mode) => {
    const goesOn = mode === "besteffort";
    const disk = mountSmall();
    if (disk === null) throw new Error("the file system could be mounted before");
    onTestFinished(() => disk.unmount());
    const audit = { directory: join(disk.directory, "audit"), mode };
    const { gateway, client, recorder, log } = await set({ configOverrides: { audit } });
    const auditFile = join(audit.directory, "audit.jsonl");
    const readiness = async () => (await fetch(`${gateway.adminUrl}/readyz`)).status;
    const isRecording = async () => {
      const { audit } = (await (await fetch(`${gateway.adminUrl}/healthz`)).json()) as { audit: { healthy: boolean } };
      return audit.healthy;
    };

    const filler = join(disk.directory, "filler");
    fill(filler);
    const asked: string[] = [];
    let refused = 0;
    const ask = async () => {
      const { message, requestId } = await client.post(toolCall(asked.length + 1));
      asked.push(requestId);
      if ("error" in message) refused += 1;
      return message;
    };
    // What the file has of its last block still takes a few records, or that of a refusal alone, or the one that says what is missing, which
    // the gateway tries by itself: what shows here counts where it took none meanwhile.
    let [size, forwarded] = [0, 0];
    let shown: readonly [messages: readonly object[], ready: number] = [[], 0];
    do {
      while (await isRecording()) {
        await ask();
        expect(asked.length).toBeLessThan(100);
      }
      size = statSync(auditFile).size;
      forwarded = recorder.requests.length;
      shown = [[await ask(), await ask(), await ask()], await readiness()];
    } while (statSync(auditFile).size !== size);
    const refusal = { error: { code: 503, data: { reason: "audit_unavailable" } } };
    const [messages, ready] = shown;
    for (const message of messages) {
      if (goesOn) expect(message).toHaveProperty("result");
      else expect(message).toMatchObject(refusal);
    }
    expect(recorder.requests).toHaveLength(goesOn ? forwarded + 3 : forwarded);
    expect(ready).toBe(goesOn ? 200 : 503);
    const refusals = readMetric(await scrape(gateway), "sallyport_refusals_total", "reason").get("audit_unavailable");
    expect(refusals).toBe(goesOn ? undefined : refused);

    // Nobody sends calls to a gateway that is not ready, so it has to find out by itself.
    rmSync(filler);
    await until("the disk to be written again", async () => ((await isRecording()) ? true : undefined));
    expect(await readiness()).toBe(200);
    expect(log()).toContain("audit records are written again");
    expect(await ask()).toHaveProperty("result");

    const records = await readAudit({ auditFile });
    const written = new Set(records.map(({ id }) => id));
    const missing = asked.filter((id) => !written.has(id)).length;
    const told = records.filter(({ event }) => event === "recovered").map(({ note }) => Number(note?.missing));
    expect(told.reduce((sum, number) => sum + number, 0)).toBe(missing);
    expect(missing).toBeGreaterThanOrEqual(3);
    expect(await verify(auditFile)).toMatchObject({ code: 0, report: { ok: true } });
  },
);

it.skipIf(!canMount())("a closed file that there is no room to compress takes none from records", async () => {
  const disk = mountSmall();
  if (disk === null) throw new Error("the file system could be mounted before");
  onTestFinished(() => disk.unmount());
  // Encrypted, records become a quarter smaller and no more.
  const audit = { directory: join(disk.directory, "audit"), rotate: { size: "32KiB" }, encryption: true };
  const { gateway, client, log } = await set({ configOverrides: { audit } });
  const active = join(audit.directory, "audit.jsonl");
  const ask = async () => (await client.post(toolCall(1))).message;
  while (statSync(active).size < 30_000) expect(await ask()).toHaveProperty("result");

  fill(join(disk.directory, "filler"), 16_384);
  // What is compressed has all the room for a moment.
  await until("a file to be closed", async () => {
    await ask();
    return readdirSync(audit.directory).some((name) => /\d{12}/.test(name)) || undefined;
  });
  await until("that to be told", () => log().includes("the audit files could not be kept as configured") || undefined);
  expect(log()).toContain("ENOSPC");
  const isReady = async () => (await fetch(`${gateway.adminUrl}/readyz`)).ok;
  await until("records to be written", async () => (await isReady()) || undefined);
  for (let count = 0; count < 6; count += 1) expect(await ask()).toHaveProperty("result");
  expect(await verify(audit.directory)).toMatchObject({ code: 0, report: { ok: true } });
});
