/** Archives that are damaged, or were made to do harm. */
import { readdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import type { TarEntry } from "modern-tar";
import { beforeEach, describe, expect, it } from "vitest";
import { writeTree } from "../config/fixture.ts";
import { backUp, backup, buildHouse, forge, type House, hello, oneFile } from "./house.ts";

let house: House;
let target: string;

beforeEach(async () => {
  house = await buildHouse();
  target = join(house.directory, "restored");
});

function restore(file: string): ReturnType<typeof backup> {
  return backup("restore", file, "--identity", house.identityFile, "--to", target);
}

const [file] = oneFile.files;
const link: TarEntry = { header: { name: "files/sallyport.yaml", size: 0, type: "symlink", linkname: "/etc/passwd" } };

describe("what is refused, with nothing left behind", () => {
  it.each<[string, unknown, readonly TarEntry[], string]>([
    [
      "a file that was not announced",
      oneFile,
      [hello, { ...hello, header: { name: "files/b", size: 5 } }],
      "does not have",
    ],
    ["a path that leads out", oneFile, [{ ...hello, header: { name: "files/../../evil", size: 5 } }], "does not have"],
    ["an absolute path", oneFile, [{ ...hello, header: { name: "/tmp/evil", size: 5 } }], "does not have"],
    ["a file twice", oneFile, [hello, hello], "or has once"],
    ["a symbolic link", oneFile, [link], "is a symlink"],
    ["a link", oneFile, [{ header: { ...link.header, type: "link" } }], "is a link"],
    ["a device", oneFile, [{ header: { ...link.header, type: "character-device" } }], "is a character-device"],
    ["a FIFO", oneFile, [{ header: { ...link.header, type: "fifo" } }], "is a fifo"],
    ["a directory", oneFile, [{ header: { ...link.header, type: "directory" } }], "is a directory"],
    ["more than was announced", oneFile, [{ header: { ...hello.header, size: 6 }, body: "hello!" }], "another size"],
    ["less than was announced", oneFile, [{ header: { ...hello.header, size: 4 }, body: "hell" }], "another size"],
    ["other bytes", oneFile, [{ ...hello, body: "hallo" }], "is not what its manifest says"],
    ["a file that is missing", oneFile, [], "1 of its files are missing"],
    [
      "a file below a file",
      { ...oneFile, files: [file, { ...file, path: "sallyport.yaml/b" }] },
      [hello, { ...hello, header: { name: "files/sallyport.yaml/b", size: 5 } }],
      "cannot be unpacked",
    ],
    ["a manifest that leads out", { ...oneFile, files: [{ ...file, path: "../evil" }] }, [], "files.0.path"],
    ["a manifest that is none", "{}", [], "manifest is wrong"],
  ])("%s", async (_, manifest, entries, reason) => {
    const { codes, err, out } = await restore(await forge(house, manifest, entries));
    expect(err).toContain(reason);
    expect([out, codes]).toEqual(["", [expect.toBeOneOf([1, 2])]]);
    await expect(readdir(target)).rejects.toThrow("ENOENT");
    expect(await readdir(house.directory)).not.toContain("evil");
  });

  it("a manifest that does not come first", async () => {
    const { codes, err } = await restore(await forge(house, oneFile, [hello], "files/manifest.json"));
    expect([codes, err]).toEqual([[1], expect.stringContaining("does not begin with a manifest")]);
  });

  it("a later version of the format: 2, since nothing is damaged", async () => {
    const { codes, err } = await restore(await forge(house, { ...oneFile, version: 2 }, [hello]));
    expect([codes, err]).toEqual([[2], expect.stringContaining("newer Sallyport")]);
  });
});

it("notices every byte that was changed, and every end that was cut off", async () => {
  const archive = await readFile(await backUp(house));
  const altered = join(house.directory, "altered.age");
  const change = fc.record({ at: fc.nat(archive.length - 1), bit: fc.nat(7), isCut: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(change, async ({ at, bit, isCut }) => {
      const bytes = Buffer.from(isCut ? archive.subarray(0, at) : archive);
      if (!isCut) bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
      await writeFile(altered, bytes);
      const { codes, out, err } = await restore(altered);
      expect([codes, out, err]).toEqual([[expect.toBeOneOf([1, 2])], "", expect.stringMatching(/age(?: |: ).+/)]);
      await expect(stat(target)).rejects.toThrow("ENOENT");
    }),
    { numRuns: 60 },
  );
});

it("leaves none of the directories that it made", async () => {
  const broken = join(house.directory, "broken.age");
  await writeFile(broken, (await readFile(await backUp(house))).subarray(0, 5_000));
  target = join(house.directory, "a", "b", "c");
  expect((await restore(broken)).codes).toEqual([1]);
  expect(await readdir(house.directory)).not.toContain("a");
});

it("lets one of several that restore into one directory at once do so, and never mixes them", async () => {
  const archives: string[] = [];
  for (const name of ["one", "two", "three", "four"]) {
    await writeFile(house.at("policies/all.yaml"), `# ${name}\n`);
    await writeFile(house.at("a.yaml"), `${await readFile(house.config, "utf8")}# ${name}\n`);
    archives.push(join(house.directory, `${name}.age`));
    await rename(await backUp({ ...house, config: house.at("a.yaml") }), archives.at(-1) ?? "");
  }
  const said = await Promise.all(archives.map((archive) => restore(archive)));
  expect(said.flatMap(({ codes }) => codes).toSorted()).toEqual([0, 2, 2, 2]);
  const winner = ["one", "two", "three", "four"][said.findIndex(({ codes }) => codes[0] === 0)];
  expect(await readFile(join(target, "policies/all.yaml"), "utf8")).toBe(`# ${winner}\n`);
  expect((await readFile(join(target, "a.yaml"), "utf8")).trimEnd().split("\n").at(-1)).toBe(`# ${winner}`);
  expect((await readdir(target)).toSorted()).toEqual(["a.yaml", "data", "policies"]);
});

it("leaves a directory that was empty as it was, and touches none that is not", async () => {
  const sound = await backUp(house);
  const broken = join(house.directory, "broken.age");
  await writeFile(broken, (await readFile(sound)).subarray(0, 5_000));
  target = await writeTree({});
  expect((await restore(broken)).codes).toEqual([1]);
  expect(await readdir(target)).toEqual([]);
  expect((await restore(sound)).codes).toEqual([0]);
  const before = await readdir(target);
  const again = await restore(sound);
  expect([again.codes, again.err]).toEqual([[2], expect.stringContaining("there is something in it")]);
  expect(await readdir(target)).toEqual(before);
});
