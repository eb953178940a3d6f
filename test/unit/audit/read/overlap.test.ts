import { symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { findOverlap } from "../../../../src/audit/read/overlap.ts";
import { writeTree } from "../../config/fixture.ts";
import { fileOf } from "../lines.ts";

const closed = fileOf([{ id: "one" }, { id: "two" }]);
const active = fileOf([{ id: "three" }], 3);

async function makeTrails(): Promise<string> {
  const directory = await writeTree({
    "a/audit.000000000001.jsonl": closed,
    "a/audit.jsonl": active,
    "b/audit.jsonl": fileOf([{ id: "four" }]),
    "b/audit-2.jsonl": "",
    "c/audit.jsonl": "",
    "d/audit.jsonl": active + fileOf([{ id: "five" }], 4),
    "torn.jsonl": `{"v":1,\n${active}`,
    "nothing.jsonl": "no record\n",
    "gone/on/audit.000000000003.jsonl": active,
  });
  await writeFile(join(directory, "kept.jsonl.gz"), gzipSync(closed));
  await writeFile(join(directory, "broken.jsonl.gz"), "no gzip");
  await symlink(join(directory, "a"), join(directory, "link"));
  return directory;
}

it.each<[string, string, string]>([
  ["twice by one name", "a", "a"],
  ["by a link", "a", "link"],
  ["by a directory and a file in it", "a", "a/audit.jsonl"],
  ["by a file that is closed, and its directory", "a/audit.000000000001.jsonl", "a"],
  ["as a copy that is compressed", "a", "kept.jsonl.gz"],
  ["as a copy that was made before its file was closed", "a", "gone/on"],
  ["as a copy that the trail went on from", "a", "d"],
  ["behind a torn line", "torn.jsonl", "a"],
])("one trail is found %s", async (_how, one, other) => {
  const directory = await makeTrails();
  const paths = [one, "b", other].map((name) => join(directory, name));
  expect(await findOverlap(paths)).toEqual([paths[0], paths[2]]);
});

it("trails of several gateways, files of one trail, and what has no record, have nothing in common", async () => {
  const directory = await makeTrails();
  const names = ["a/audit.000000000001.jsonl", "a/audit.jsonl", "b", "c", "c", "nothing.jsonl", "nothing.jsonl"];
  expect(await findOverlap(names.map((name) => join(directory, name)))).toBeNull();
});

it("what is not there, or cannot be read, is left to whoever reads it", async () => {
  const directory = await makeTrails();
  const names = ["none", "none", "broken.jsonl.gz", "broken.jsonl.gz", "a/audit.jsonl/none"];
  expect(await findOverlap(names.map((name) => join(directory, name)))).toBeNull();
});
