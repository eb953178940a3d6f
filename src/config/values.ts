import { resolve } from "node:path";
import type { z } from "zod";
import type { Path } from "./diagnose.ts";
import { readText } from "./files.ts";
import {
  fillTemplate,
  isWholeReference,
  type Reference,
  type Resolved,
  readTemplate,
  resolveVariable,
  type Template,
} from "./interpolate.ts";
import type { Finding } from "./issues.ts";
import { pathOf, valueAt } from "./issues.ts";

const maxSecretBytes = 65_536;

/** A tree of plain data whose references were filled in. */
export interface Filled {
  readonly value: unknown;
  readonly findings: readonly Finding[];
  /** Scalars that were nothing but one reference. */
  readonly whole: readonly Path[];
  /** Absolute paths of the files that were read. */
  readonly files: readonly string[];
}

/** Where references lead. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What relative file references are relative to. */
  readonly directory: string;
}

/**
 * Fills in the references of the strings in a tree; keys stay as they are. A reference that leads nowhere leaves
 * `undefined` and a finding.
 *
 * @param isKnown whether anything is made of what stands at a path; where not, it stays as it is
 */
export async function fillReferences(
  value: unknown,
  isKnown: (path: Path) => boolean,
  { env, directory }: Surroundings,
): Promise<Filled> {
  const findings: Finding[] = [];
  const whole: Path[] = [];
  const files = new Set<string>();
  const find = async (reference: Reference): Promise<Resolved> => {
    if (reference.kind === "variable") return resolveVariable(reference, env);
    const file = resolve(directory, reference.path);
    files.add(file);
    const read = await readText(file, { maxBytes: maxSecretBytes, secret: true });
    return "value" in read ? { value: read.value.replace(/\r?\n$/, "") } : read;
  };
  const fillScalar = async (text: string, path: Path): Promise<string | undefined> => {
    const template = readTemplate(text);
    if ("fault" in template) {
      findings.push({ path, message: template.fault });
      return undefined;
    }
    if (isWholeReference(template)) whole.push(path);
    const values = new Map<Reference, string>();
    for (const reference of referencesOf(template)) {
      const found = await find(reference);
      if ("fault" in found) findings.push({ path, message: found.fault, hint: found.hint });
      else values.set(reference, found.value);
    }
    if (values.size < referencesOf(template).length) return undefined;
    return fillTemplate(template, (reference) => values.get(reference) ?? "");
  };
  const fill = async (inner: unknown, path: Path): Promise<unknown> => {
    if (typeof inner === "string") return isKnown(path) ? fillScalar(inner, path) : inner;
    if (typeof inner !== "object" || inner === null) return inner;
    if (Array.isArray(inner)) return Promise.all(inner.map((item, index) => fill(item, [...path, index])));
    const entries = Object.entries(inner).map(async ([key, item]) => [key, await fill(item, [...path, key])] as const);
    return Object.fromEntries(await Promise.all(entries));
  };
  return { value: await fill(value, []), findings, whole, files: [...files] };
}

function referencesOf(template: Template): Reference[] {
  return template.filter((part) => typeof part === "object");
}

/**
 * Reads a scalar that was wholly a reference as the number or boolean that the schema wants there; anywhere else, and for
 * any other spelling, text stays text.
 */
export function readWanted(value: unknown, issues: readonly z.core.$ZodIssue[], whole: readonly Path[]): boolean {
  const candidates = new Set(whole.map((path) => JSON.stringify(path)));
  let changed = false;
  for (const issue of issues) {
    const path = pathOf(issue);
    const expected = wantedBy(issue);
    if (expected === undefined || !candidates.has(JSON.stringify(path))) continue;
    const text = valueAt(value, path);
    const holder = valueAt(value, path.slice(0, -1));
    const wanted = typeof text === "string" ? readScalar(text, expected) : undefined;
    const last = path.at(-1);
    if (wanted === undefined || last === undefined || typeof holder !== "object" || holder === null) continue;
    (holder as Record<string | number, unknown>)[last] = wanted;
    changed = true;
  }
  return changed;
}

/** The kind of value that is missed; of several that would do, the one that is no text. */
function wantedBy(issue: z.core.$ZodIssue): string | undefined {
  if (issue.code === "invalid_type") return issue.expected;
  if (issue.code !== "invalid_union") return undefined;
  return issue.errors.flat().find((inner) => inner.code === "invalid_type")?.expected;
}

function readScalar(text: string, expected: string): number | boolean | undefined {
  if (expected === "boolean") return text === "true" ? true : text === "false" ? false : undefined;
  if (expected !== "number" && expected !== "int") return undefined;
  return /^-?(0|[1-9]\d{0,14})$/.test(text) ? Number(text) : undefined;
}
