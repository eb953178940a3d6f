import { hash } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { createPasswordJudge } from "../../../../src/auth/users/new-password.ts";

const good = "vexing otter trims lamp";
const stolen = "kX9#qLw2!vPz7rT";

async function listOf(...passwords: string[]): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "sallyport-breaches-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  const file = join(directory, "breaches.txt");
  const digests = passwords.map((each) => hash("sha1", each, "hex").toUpperCase()).toSorted();
  await writeFile(file, digests.map((digest) => `${digest}:3\r\n`).join(""));
  return file;
}

it.each([good, stolen, "correct horse battery staple", "829461037582946"])("takes %j", async (password) => {
  await createPasswordJudge(null)(password, "ann");
});

it.each([
  ["is weak by its structure", "administrator123", "password_weak", "guessed first"],
  ["is on the list", "polniypizdec0211", "password_breached", "have had stolen"],
  ["is on the list, written otherwise", "PolniyPizdec0211", "password_breached", "have had stolen"],
  ["is on the list, with a character more", "polniypizdec0211!", "password_breached", "have had stolen"],
  ["is two of the list", "polniypizdec0211hd764nw5d7e1vb1", "password_breached", "have had stolen"],
])("refuses one that %s", async (_what, password, reason, message) => {
  await expect(createPasswordJudge(null)(password, "ann")).rejects.toMatchObject({
    reason,
    message: expect.stringContaining(message),
  });
});

it("refuses what is on the operator's own list, and nothing else", async () => {
  const judge = createPasswordJudge(await listOf("ein zwei drei vier fünf", stolen, "x"));
  await judge(good, "ann");
  await expect(judge(stolen, "ann")).rejects.toMatchObject({ reason: "password_breached" });
  await expect(judge("ein zwei drei vier fu\u0308nf", "ann")).rejects.toMatchObject({ reason: "password_breached" });
});

it.each<[string, (file: string) => Promise<unknown>, string]>([
  ["is not there", (file) => rm(file), "ENOENT"],
  ["is a directory", (file) => rm(file).then(() => mkdir(file)), "not a regular file"],
  ["is something else", (file) => writeFile(file, "password\n"), "byte 0 is no line of such a list"],
])("takes none where the operator's list %s, and says which and what to do", async (_what, spoil, problem) => {
  const file = await listOf("x");
  await spoil(file);
  const end = createPasswordJudge(file)(good, "ann");
  await expect(end).rejects.toThrow(problem);
  await expect(end).rejects.toThrow(`identity.builtin.login.breachedPasswords, ${file}`);
  await expect(end).rejects.toThrow("get it anew, sorted by hash");
});
