import { constants } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { checkDirectories } from "../../../src/config/directories.ts";
import { loadConfig } from "../../../src/config/load.ts";
import { configWith, policy, writeTree } from "./fixture.ts";

/** Who runs the tests may be root, whom the system lets write anywhere: so what it says is put in here. */
async function look(directories: string, code?: "EACCES" | "EROFS") {
  const base = await writeTree({ "sallyport.yaml": configWith(directories), "policies/a.yaml": policy });
  const { config } = await loadConfig(join(base, "sallyport.yaml"), {});
  const asked: unknown[][] = [];
  const findings = checkDirectories(config, (...question) => {
    asked.push(question);
    if (code !== undefined) throw Object.assign(new Error(code), { code });
  });
  return { findings, asked, base };
}

const twoNew = "state: { directory: state }\naudit: { directory: a/b/audit }\n";

it("makes nothing, and asks about the nearest directory that is there", async () => {
  const { findings, asked, base } = await look(twoNew);
  expect(findings).toEqual([]);
  expect(asked).toEqual([
    [base, constants.W_OK | constants.X_OK],
    [base, constants.W_OK | constants.X_OK],
  ]);
  expect((await readdir(base)).sort()).toEqual(["policies", "sallyport.yaml"]);
});

it.each([
  ["EACCES", twoNew, /^this user.* may not write in the directory that it would be made in \(EACCES\)$/],
  ["EROFS", twoNew, /^the file system of the directory that it would be made in is read-only$/],
  ["EACCES", "state: { directory: policies }\naudit: { directory: policies }\n", /may not write in this directory/],
  ["EROFS", "state: { directory: . }\naudit: { directory: . }\n", /^the file system of this directory is read-only$/],
] as const)("says %s of each directory", async (code, directories, message) => {
  const { findings } = await look(directories, code);
  expect(findings).toMatchObject([
    { severity: "problem", path: ["state", "directory"], message: expect.stringMatching(message) },
    { severity: "problem", path: ["audit", "directory"], message: expect.stringMatching(message) },
  ]);
});

it("finds a file where a directory should be, or above it", async () => {
  const { findings } = await look("state: { directory: sallyport.yaml }\naudit: { directory: sallyport.yaml/a/b }\n");
  expect(findings.map(({ message }) => message)).toEqual([
    "this is not a directory",
    "what is above this directory is a file",
  ]);
});

it("asks about the directory itself where it is there", async () => {
  const { asked, base } = await look("state: { directory: policies }\naudit: { directory: . }\n");
  expect(asked.map(([path]) => path)).toEqual([join(base, "policies"), base]);
});
