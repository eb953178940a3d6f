import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { readBytes, type Source } from "../../../src/backup/sources.ts";
import { openState } from "../../../src/backup/state.ts";
import { collect } from "../audit/lines.ts";
import { writeTree } from "../config/fixture.ts";

it("has what was in small files when they were opened, whatever becomes of them, and keeps none open", async () => {
  const names = Array.from({ length: 200 }, (_, at) => `people/${at + 100}.key`);
  const directory = await writeTree({
    ...Object.fromEntries(names.map((name) => [name, name])),
    large: "x".repeat(70_000),
  });
  const opened: Source[] = [];
  await openState(directory, new Set(), opened, () => true);
  for (const name of names) {
    await writeFile(join(directory, name), Buffer.alloc(name.length));
    await rm(join(directory, name));
  }
  const texts = await Promise.all(
    opened.map(async (source) => Buffer.concat(await collect(readBytes(source))).toString()),
  );
  expect(texts).toEqual(["x".repeat(70_000), ...names]);
  for (const { handle } of opened) await handle.close();
});
