import { rename, rm, stat, truncate, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { findSegments, groupFiles } from "../../../../src/audit/files/segments.ts";
import { TrailFollower } from "../../../../src/audit/read/follow.ts";
import { mergeLines } from "../../../../src/audit/read/merge.ts";
import { compileQuery } from "../../../../src/audit/read/query.ts";
import { readRecords, readTrail } from "../../../../src/audit/read/records.ts";
import { selectLines } from "../../../../src/audit/read/select.ts";
import { writeTree } from "../../config/fixture.ts";
import { at, collect, fileOf, linesOf } from "../lines.ts";

/** A file with a call for each id, numbered from `seq` on. */
function ids(names: string, seq = 1): string {
  return fileOf(
    [...names].map((id) => ({ id })),
    seq,
  );
}

async function readIds(path: string): Promise<string> {
  return (await collect(readRecords(path))).map(({ id }) => id).join("");
}

async function follow(follower: TrailFollower): Promise<string> {
  return (await collect(follower.read()))
    .flat()
    .map(({ record }) => record.id)
    .join("");
}

describe("the files of a directory", () => {
  it.each<[string, readonly string[], unknown]>([
    ["none", ["audit.lock", "audit.jsonl.gz", "audit.1.jsonl", "my-audit.jsonl", "audit.jsonl.tmp"], []],
    ["one that is written", ["audit.jsonl"], [{ number: 1, closed: [], active: "d/audit.jsonl" }]],
    [
      "closed ones in the order of their numbers, each once",
      [
        "audit.000000000900.jsonl.gz",
        "audit.jsonl",
        "audit.000000000101.jsonl",
        "audit.000000000001.jsonl.gz",
        "audit.000000000101.jsonl.gz",
      ],
      [
        {
          number: 1,
          closed: [
            { path: "d/audit.000000000001.jsonl", first: 1 },
            { path: "d/audit.000000000101.jsonl", first: 101 },
            { path: "d/audit.000000000900.jsonl", first: 900 },
          ],
          active: "d/audit.jsonl",
        },
      ],
    ],
    [
      "of several workers",
      ["audit-10.jsonl", "audit-2.000000000001.jsonl", "audit.jsonl"],
      [
        { number: 1, closed: [], active: "d/audit.jsonl" },
        { number: 2, closed: [{ path: "d/audit-2.000000000001.jsonl", first: 1 }], active: null },
        { number: 10, closed: [], active: "d/audit-10.jsonl" },
      ],
    ],
  ])("%s", (_, names, expected) => {
    expect(groupFiles(names, "d")).toEqual(expected);
  });

  it("that has none is an error, and a file stands for itself", async () => {
    const directory = await writeTree({ "other.txt": "" });
    await expect(findSegments(directory)).rejects.toThrow("there is no audit trail in");
    const file = join(directory, "other.txt");
    expect(await findSegments(file)).toEqual([{ number: 1, closed: [], active: file }]);
  });
});

describe("a reader", () => {
  it("goes through closed, compressed and written files of all trails", async () => {
    const directory = await writeTree({
      "audit.000000000003.jsonl": ids("cd", 3),
      "audit.jsonl": ids("ef", 5),
      "audit-2.jsonl": ids("xy"),
    });
    await writeFile(join(directory, "audit.000000000001.jsonl.gz"), gzipSync(ids("ab")));
    expect(await readIds(directory)).toBe("abcdefxy");
    expect(await readIds(join(directory, "audit.000000000001.jsonl.gz"))).toBe("ab");
  });

  it("passes over what is no record, and what has not ended", async () => {
    const rest = '{"v":1,"seq":2';
    const odd = ["", "null", "{}", '{"v":1,"event":"request","time":"now"}', "not JSON", '{"v":2}'].join("\n");
    const directory = await writeTree({ "audit.jsonl": `${odd}\n${ids("a")}${rest}` });
    expect(await readIds(directory)).toBe("a");
  });

  it("misses nothing and reads nothing twice when files are closed, compressed and deleted while it reads", async () => {
    const directory = await writeTree({
      "audit.000000000001.jsonl": ids("a"),
      "audit.000000000002.jsonl": ids("b", 2),
      "audit.000000000003.jsonl": ids("c", 3),
      "audit.jsonl": ids("d", 4),
    });
    const name = (file: string) => join(directory, file);
    let found = "";
    for await (const lines of readTrail(directory, 1)) {
      found += lines.map(({ record }) => record.id).join("");
      if (found !== "a") continue;
      await rm(name("audit.000000000002.jsonl"));
      await writeFile(name("audit.000000000003.jsonl.gz"), gzipSync(ids("c", 3)));
      await rm(name("audit.000000000003.jsonl"));
      await rename(name("audit.jsonl"), name("audit.000000000004.jsonl"));
      await writeFile(name("audit.jsonl"), ids("e", 5));
    }
    expect(found).toBe("acde");
  });

  it("says which compressed file is broken", async () => {
    const directory = await writeTree({});
    const file = join(directory, "audit.000000000001.jsonl.gz");
    await writeFile(file, gzipSync(ids("a")).subarray(0, -12));
    await expect(readIds(directory)).rejects.toMatchObject({ path: file, code: "Z_BUF_ERROR" });
  });

  it("leaves out closed files that are older than what is wanted", async () => {
    const directory = await writeTree({ "audit.000000000001.jsonl": "", "audit.jsonl": ids("b", 2) });
    const old = join(directory, "audit.000000000001.jsonl");
    const read = async (sinceMs: number) => (await collect(readTrail(directory, 1, sinceMs))).flat().length;
    await writeFile(old, ids("a"));
    await utimes(old, 1_000_000, 1_000_000);
    expect(await read(1_000_000_000 + 3_600_000)).toBe(2);
    expect(await read(1_000_000_000 + 3_600_001)).toBe(1);
  });
});

describe("several trails", () => {
  const stream = async function* (...seconds: readonly number[]) {
    for (const second of seconds) yield linesOf({ time: at(second), id: String(second) });
    yield [];
  };

  it("come by time, each in its own order", async () => {
    const merged = await collect(mergeLines([stream(1, 4, 3, 8), stream(), stream(2, 5)]));
    expect(merged.map(({ record }) => record.id)).toEqual(["1", "2", "4", "3", "5", "8"]);
  });

  it("are let go of when no more is wanted", async () => {
    let open = 0;
    const watched = async function* () {
      open += 1;
      try {
        for (;;) yield linesOf({});
      } finally {
        open -= 1;
      }
    };
    for await (const _ of mergeLines([watched(), watched()])) break;
    expect(open).toBe(0);
  });

  it("are searched together", async () => {
    const directory = await writeTree({
      "audit.jsonl": fileOf([1, 3, 5].map((second) => ({ time: at(second), id: `one-${second}` }))),
      "audit-2.jsonl": fileOf([2, 4].map((second) => ({ time: at(second), id: `two-${second}` }))),
    });
    const query = compileQuery({ since: at(2), until: at(5) }, 0);
    const found = await collect(selectLines([directory], query));
    expect(found.map(({ record }) => record.id)).toEqual(["two-2", "one-3", "two-4"]);
  });
});

describe("a follower", () => {
  it("tells each record once, also when it was written in pieces", async () => {
    const directory = await writeTree({ "audit.jsonl": ids("ab") });
    const file = join(directory, "audit.jsonl");
    const follower = new TrailFollower(directory, 1);
    expect(await follow(follower)).toBe("ab");
    expect(await follow(follower)).toBe("");
    const next = ids("c", 3);
    await writeFile(file, next.slice(0, 40), { flag: "a" });
    expect(await follow(follower)).toBe("");
    await writeFile(file, next.slice(40), { flag: "a" });
    expect(await follow(follower)).toBe("c");
    await follower.close();
  });

  it("goes on behind closed files, those that it never saw open included", async () => {
    const directory = await writeTree({ "audit.000000000001.jsonl": ids("a"), "audit.jsonl": ids("b", 2) });
    const name = (file: string) => join(directory, file);
    const follower = new TrailFollower(directory, 1);
    expect(await follow(follower)).toBe("b");
    await writeFile(name("audit.jsonl"), ids("c", 3), { flag: "a" });
    await rename(name("audit.jsonl"), name("audit.000000000002.jsonl"));
    await writeFile(name("audit.000000000004.jsonl.gz"), gzipSync(ids("de", 4)));
    await writeFile(name("audit.jsonl"), ids("f", 6));
    expect(await follow(follower)).toBe("cdef");
    expect(await follow(follower)).toBe("");
    expect((await follower.findOlder()).map(({ first }) => first)).toEqual([4, 2, 1]);
    await follower.close();
  });

  it("knows a file that was closed since it began it", async () => {
    const directory = await writeTree({ "audit.jsonl": ids("a") });
    const follower = new TrailFollower(directory, 1);
    expect(await follow(follower)).toBe("a");
    await rename(join(directory, "audit.jsonl"), join(directory, "audit.000000000001.jsonl"));
    expect(await follower.findOlder()).toEqual([]);
    await follower.close();
  });

  it("waits for a file that is not there yet, or not there for a while, and begins anew in one that was cut", async () => {
    const directory = await writeTree({});
    const file = join(directory, "audit.jsonl");
    const follower = new TrailFollower(directory, 1);
    expect(await follow(follower)).toBe("");
    await writeFile(file, ids("ab"));
    expect(await follow(follower)).toBe("ab");
    await truncate(file, 0);
    expect((await stat(file)).size).toBe(0);
    expect(await follow(follower)).toBe("");
    await writeFile(file, ids("c"));
    expect(await follow(follower)).toBe("c");
    const kept = join(directory, "kept.jsonl");
    await rename(file, kept);
    await writeFile(kept, ids("d"), { flag: "a" });
    expect(await follow(follower)).toBe("d");
    await writeFile(kept, ids("e"), { flag: "a" });
    await writeFile(file, ids("f"));
    expect(await follow(follower)).toBe("ef");
    await follower.close();
  });
});
