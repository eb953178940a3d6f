import type { z } from "zod";
import type { Path } from "./diagnose.ts";
import { pathOf, valueAt } from "./issues.ts";

/** What could be read of a value, and the paths that had to be left out for it. */
export interface Salvaged<T> {
  readonly value: T | undefined;
  readonly dropped: readonly Path[];
}

/**
 * Reads as much of a faulty value as there is, so that rules about the sound parts can speak in the same run as the
 * schema: what does not fit is left out, and a required member at the top is stood in for.
 */
export function salvage<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  faulty: readonly Path[],
  standIns: Readonly<Record<string, unknown>> = {},
): Salvaged<z.output<Schema>> {
  const copy = structuredClone(value);
  const dropped: Path[] = [];
  const dropAt = (path: Path) => {
    const target = cutAtList(copy, path);
    dropped.push(target);
    drop(copy, target, standIns);
  };
  for (const path of faulty) dropAt(path);
  for (let round = 0; round < maxRounds; round++) {
    const result = schema.safeParse(copy);
    if (result.success) return { value: result.data, dropped };
    for (const issue of result.error.issues) {
      const path = pathOf(issue);
      const paths = issue.code === "unrecognized_keys" ? issue.keys.map((key) => [...path, key]) : [path];
      for (const each of paths) dropAt(each);
    }
  }
  return { value: undefined, dropped };
}

/** Each round may climb one level; no schema here is deeper. */
const maxRounds = 8;

/** A list loses all of its elements or none, so that the indexes of the others still name places in the file. */
function cutAtList(root: unknown, path: Path): Path {
  for (let length = 0; length < path.length; length++) {
    const prefix = path.slice(0, length);
    if (Array.isArray(valueAt(root, prefix))) return prefix;
  }
  return path;
}

function drop(root: unknown, path: Path, standIns: Readonly<Record<string, unknown>>): void {
  const [last, parent] = [path.at(-1), path.slice(0, -1)];
  const holder = valueAt(root, parent);
  if (last === undefined || typeof holder !== "object" || holder === null) return;
  if (Object.hasOwn(holder, last)) delete (holder as Record<string | number, unknown>)[last];
  else if (parent.length > 0) drop(root, parent, standIns);
  else if (Object.hasOwn(standIns, last)) (holder as Record<string | number, unknown>)[last] = standIns[last];
}
