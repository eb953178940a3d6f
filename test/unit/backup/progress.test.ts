import { expect, it } from "vitest";
import { createProgress, renderBytes } from "../../../src/backup/progress.ts";

function sayings(total: number, ...pieces: readonly number[]): string[] {
  const said: string[] = [];
  const progress = createProgress(total, (text) => said.push(text));
  for (const bytes of pieces) progress.add(bytes);
  return said;
}

const mib = 1_048_576;

it.each<[string, number, number[], string[]]>([
  ["says nothing of work that is done in a moment", mib, [mib / 2, mib / 2], []],
  ["says nothing of no work", 0, [], []],
  ["says each tenth once", 100 * mib, [9 * mib, mib, mib, 19 * mib], ["10% of 100.0 MiB\n", "30% of 100.0 MiB\n"]],
  ["leaves the end to who has more to say of it", 100 * mib, [100 * mib], []],
])("%s", (_, total, pieces, expected) => {
  expect(sayings(total, ...pieces)).toEqual(expected);
});

it.each([
  [0, "0 bytes"],
  [1_023, "1023 bytes"],
  [1_536, "1.5 KiB"],
  [3 * 1_024 ** 3, "3.0 GiB"],
])("%d is %s", (bytes, text) => {
  expect(renderBytes(bytes)).toBe(text);
});
