import { appendFile, link, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, it, onTestFinished } from "vitest";
import { readBytes } from "../../../src/backup/sources.ts";
import { openTrails } from "../../../src/backup/trails.ts";
import { collect, fileOf } from "../audit/lines.ts";
import { writeTree } from "../config/fixture.ts";

const entries = [{ id: "one" }, { id: "two" }];
const text = fileOf(entries);

/** The trails of a directory: names and texts of the files, and the last record of each. */
async function open(directory: string) {
  const trails = await openTrails(directory);
  onTestFinished(async () => {
    for (const { handle } of trails.flatMap(({ sources }) => sources)) await handle.close();
  });
  return Promise.all(
    trails.map(async ({ sources, head }) => {
      const files: Record<string, string> = {};
      for (const source of sources) {
        files[basename(source.path)] = Buffer.concat(await collect(readBytes(source))).toString("latin1");
      }
      return { files, seq: head?.seq ?? null };
    }),
  );
}

it.each<[string, string, string, number | null]>([
  ["a file that ends with a record", text, text, 2],
  ["a record that is being written", `${text}{"v":1,"half`, text, 2],
  ["a record whose newline is still to come", text.slice(0, -1), fileOf([{ id: "one" }]), 1],
  ["an empty file", "", "", null],
  ["a first record that is being written", '{"v":1', "", null],
  ["an end that somebody changed", text.replace("two", "six"), text.replace("two", "six"), null],
])("takes of %s whole lines", async (_, written, taken, seq) => {
  const directory = await writeTree({ "audit.jsonl": written });
  expect(await open(directory)).toEqual([{ files: { "audit.jsonl": taken }, seq }]);
});

it("finds nothing where nothing was written yet", async () => {
  const directory = await writeTree({});
  expect(await open(directory)).toEqual([]);
  expect(await open(join(directory, "none"))).toEqual([]);
});

it("takes closed files in whichever form they are, once, and each worker's trail", async () => {
  const first = fileOf(entries);
  const third = fileOf([{ id: "three" }], 3);
  const directory = await writeTree({ "audit.000000000003.jsonl": third, "audit-2.jsonl": text, "audit.lock": "1\n" });
  const packed = gzipSync(first);
  await writeFile(join(directory, "audit.000000000001.jsonl.gz"), packed);
  // One that is being compressed.
  await writeFile(join(directory, "audit.000000000003.jsonl.gz"), "half");
  await writeFile(join(directory, "audit.jsonl"), "");
  expect(await open(directory)).toEqual([
    {
      files: {
        "audit.000000000001.jsonl.gz": packed.toString("latin1"),
        "audit.000000000003.jsonl": third,
        "audit.jsonl": "",
      },
      seq: 3,
    },
    { files: { "audit-2.jsonl": text }, seq: 2 },
  ]);
});

it("takes a file that is just being closed, and has both names, once", async () => {
  const directory = await writeTree({ "audit.jsonl": text });
  await link(join(directory, "audit.jsonl"), join(directory, "audit.000000000001.jsonl"));
  expect(await open(directory)).toEqual([{ files: { "audit.jsonl": text }, seq: 2 }]);
});

it("reads what was opened, whatever becomes of the files", async () => {
  const directory = await writeTree({ "audit.000000000001.jsonl": text, "audit.jsonl": fileOf([{ id: "three" }], 3) });
  const [trail] = await openTrails(directory);
  const [closed, active] = trail?.sources ?? [];
  if (closed === undefined || active === undefined) throw new Error("two files are there");
  await rm(closed.path);
  await appendFile(active.path, text);
  await mkdir(join(directory, "away"));
  await rename(active.path, join(directory, "away", "audit.jsonl"));
  for (const [source, expected] of [
    [closed, text],
    [active, fileOf([{ id: "three" }], 3)],
  ] as const) {
    expect(Buffer.concat(await collect(readBytes(source))).toString()).toBe(expected);
    await source.handle.close();
  }
});
