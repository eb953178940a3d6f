import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, onTestFinished } from "vitest";
import { startDemonstration } from "../../../src/quickstart/demonstration.ts";

let data: string;

beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), "demonstration-"));
});
afterEach(() => rm(data, { recursive: true, force: true }));

it("keeps URL and token in files of its own user alone while it runs", async () => {
  // What a run that was killed left behind.
  await writeFile(join(data, "everything.token"), "stale\n", { mode: 0o644 });
  const running = await startDemonstration(data, () => undefined);
  onTestFinished(() => running.stop());
  expect(await readFile(join(data, "everything.url"), "utf8")).toBe(`${running.url}\n`);
  const token = await readFile(join(data, "everything.token"), "utf8");
  expect(token).toMatch(/^[\w-]{43}\n$/);
  for (const name of ["everything.url", "everything.token", "everything.log"]) {
    expect((await stat(join(data, name))).mode & 0o777).toBe(0o600);
  }
  const answer = async (authorization: string) =>
    (await fetch(running.url, { method: "POST", headers: { authorization } })).status;
  expect(await answer(`Bearer ${token.trim()}`)).not.toBe(401);
  expect(await answer("Bearer stale")).toBe(401);
});

it("leaves neither behind when it stops", async () => {
  const running = await startDemonstration(data, () => undefined);
  await running.stop();
  expect(await readdir(data)).toEqual(["everything.log"]);
  await expect(fetch(running.url)).rejects.toThrow();
});
