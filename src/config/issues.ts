import { globalRegistry, type z } from "zod";
import { didYouMean, type Path } from "./diagnose.ts";
import type { ProblemExtra, YamlFile } from "./document.ts";

/** Something to say about a path, before it is known where in the file that is. */
export interface Finding extends ProblemExtra {
  readonly path: Path;
  readonly message: string;
}

/** Findings of a schema about one value, in words for an operator; none of them quotes the value. */
export function findIssues(schema: z.core.$ZodType, issues: readonly z.core.$ZodIssue[], value: unknown): Finding[] {
  return openUnions(issues).flatMap((issue) => describeIssue(schema, issue, value));
}

/** Of a value that may be of several kinds, what is wrong with it as the kind that it is of, where that is clear. */
export function openUnions(issues: readonly z.core.$ZodIssue[]): z.core.$ZodIssue[] {
  return issues.flatMap((issue) => {
    if (issue.code !== "invalid_union" || issue.message !== unsaid) return issue;
    const meant = issue.errors.find((each) => !each.some(isOfOtherKind));
    if (meant === undefined) return issue;
    return openUnions(meant.map((each) => ({ ...each, path: [...issue.path, ...each.path] })));
  });
}

/** What zod says of a union that has no message of its own. */
const unsaid = "Invalid input";

function isOfOtherKind({ code, path }: z.core.$ZodIssue): boolean {
  return code === "invalid_type" && path.length === 0;
}

/** The value of a key nobody knows is of a kind nobody knows: it is kept out of excerpts like a secret. */
export function maskUnknown(file: YamlFile, issues: readonly z.core.$ZodIssue[]): void {
  for (const issue of openUnions(issues)) {
    if (issue.code !== "unrecognized_keys") continue;
    for (const key of issue.keys) file.mask([...pathOf(issue), key]);
  }
}

/** zod paths never hold symbols here: the values are plain data. */
export function pathOf(issue: z.core.$ZodIssue): Path {
  return issue.path.map((step) => (typeof step === "symbol" ? String(step) : step));
}

function describeIssue(schema: z.core.$ZodType, issue: z.core.$ZodIssue, value: unknown): Finding[] {
  const path = pathOf(issue);
  switch (issue.code) {
    case "unrecognized_keys": {
      const known = keysAt(schema, path, value);
      return issue.keys.map((key) => ({
        path: [...path, key],
        message: "unknown key",
        hint: hintForKey(key, known),
        at: "key",
      }));
    }
    case "invalid_type": {
      const found = valueAt(value, path);
      if (found === undefined) return [{ path, message: `missing; expected ${typeName(issue.expected)}` }];
      const hint = kindHint(issue.expected, found, schemaAt(schema, path));
      return [{ path, message: `expected ${typeName(issue.expected)}, not ${kindOf(found)}`, hint }];
    }
    case "invalid_value": {
      const expected = joinOr(issue.values.map((option) => JSON.stringify(option)));
      const found = valueAt(value, path);
      const isQuoted =
        typeof found === "string" &&
        issue.values.some((option) => typeof option !== "string" && String(option) === found);
      const hint = isQuoted ? "without quotes" : undefined;
      return [{ path, message: `${found === undefined ? "missing; " : ""}expected ${expected}`, hint }];
    }
    case "invalid_union": {
      if (issue.message !== unsaid) return [{ path, message: issue.message }];
      const found = valueAt(value, path);
      const kinds = issue.errors.flatMap((each) =>
        each.flatMap((one) => ("expected" in one ? typeName(one.expected) : [])),
      );
      const expected = `expected ${joinOr(kinds)}`;
      if (found === undefined) return [{ path, message: `missing; ${expected}` }];
      const hint = kinds.includes(typeNames.string ?? "")
        ? kindHint("string", found, schemaAt(schema, path, value))
        : undefined;
      return [{ path, message: `${expected}, not ${kindOf(found)}`, hint }];
    }
    case "invalid_key":
      return issue.issues.map(({ message }) => ({ path, message, at: "key" as const }));
    case "too_small":
      if (issue.origin === "number" || issue.origin === "int") {
        return [{ path, message: `expected a number of at least ${issue.minimum}` }];
      }
      return [{ path, message: "must not be empty" }];
    case "too_big":
      return [{ path, message: `expected at most ${issue.maximum}` }];
    default:
      return [{ path, message: issue.message }];
  }
}

function hintForKey(key: string, known: readonly string[]): string | undefined {
  if (key === "<<") return "merge keys are not supported";
  if (/^\s/.test(key)) return "lines are indented with blanks: this white space is of another kind";
  const [start = ""] = key.split(":");
  if (start !== key && known.includes(start)) return `a blank is missing after "${start}:"`;
  return didYouMean(key, known) ?? (/^[\w.-]+$/.test(key) ? listKeys(known) : "a text with a comma needs quotes");
}

/** Few enough to choose from, or nothing. */
function listKeys(known: readonly string[]): string | undefined {
  return known.length === 0 || known.length > maxListed ? undefined : `known: ${known.join(", ")}`;
}

const maxListed = 12;

function joinOr(words: readonly string[]): string {
  return words.join(", ").replace(/, ([^,]*)$/, " or $1");
}

const typeNames: Readonly<Record<string, string>> = {
  object: "a mapping",
  record: "a mapping",
  array: "a list",
  string: "text",
  int: "a whole number",
  number: "a number",
  boolean: "true or false",
};

function typeName(expected: string): string {
  return typeNames[expected] ?? expected;
}

function kindOf(value: unknown): string {
  if (value === null) return "nothing";
  if (Array.isArray(value)) return "a list";
  return typeof value === "string" ? "text" : (typeNames[typeof value] ?? typeof value);
}

/** What stands at a path of plain data. */
export function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((inner, step) => {
    if (typeof inner !== "object" || inner === null || !Object.hasOwn(inner, step)) return undefined;
    return (inner as Record<string | number, unknown>)[step];
  }, value);
}

/**
 * The schema of what stands at a path, if it knows of it.
 *
 * @param value what is read by the schema; of several kinds of mapping it says which is meant
 */
export function schemaAt(schema: z.core.$ZodType, path: Path, value?: unknown): z.core.$ZodType | undefined {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  const [step, ...rest] = path;
  switch (def.type) {
    case "prefault":
    case "default":
    case "optional":
      return schemaAt(def.innerType, path, value);
    case "pipe":
      return schemaAt(def.in, path, value);
    case "object": {
      if (step === undefined) return schema;
      const member = def.shape[step];
      return member === undefined ? undefined : schemaAt(member, rest, valueAt(value, [step]));
    }
    case "record":
      return step === undefined ? schema : schemaAt(def.valueType, rest, valueAt(value, [step]));
    case "array":
      return step === undefined ? schema : schemaAt(def.element, rest, valueAt(value, [step]));
    case "union": {
      const meant = def.options.filter((option) => !isOtherwise(option as z.core.$ZodTypes, value));
      const found = meant.flatMap((option) => schemaAt(option, path, value) ?? []) as z.core.$ZodTypes[];
      return found.find((each) => each._zod.def.type === "object") ?? found[0];
    }
    default:
      return step === undefined ? schema : undefined;
  }
}

/** Whether something is no mapping, or says by a member, such as `type`, that it is not of this kind. */
function isOtherwise({ _zod: { def } }: z.core.$ZodTypes, value: unknown): boolean {
  if (def.type !== "object") return false;
  if (value !== undefined && typeof value !== "object") return true;
  return Object.entries(def.shape as Record<string, z.core.$ZodTypes>).some(([name, { _zod: member }]) => {
    const found = valueAt(value, [name]);
    return member.def.type === "literal" && found !== undefined && !member.def.values.includes(found as string);
  });
}

function keysAt(schema: z.core.$ZodType, path: Path, value: unknown): string[] {
  const found = schemaAt(schema, path, value) as z.core.$ZodTypes | undefined;
  return found?._zod.def.type === "object" ? Object.keys(found._zod.def.shape) : [];
}

/** What to write instead of a value of another kind. */
function kindHint(expected: string, found: unknown, schema: z.core.$ZodType | undefined): string | undefined {
  if (expected === "array" && typeof found === "string") return "put it in [ ], one alone too";
  const isMapping = expected === "object" || expected === "record";
  if (isMapping && typeof found === "string" && isUnspaced.test(found)) return "a blank is missing after the colon";
  if (expected !== "string") return undefined;
  if (typeof found === "boolean") return "put it in quotes";
  return typeof found === "number" ? textHint(schema) : undefined;
}

/** `url:http://host`, which is a text; a URL alone is one as well. */
const isUnspaced = /^[\w-]+:(?!\/\/)\S/;

/** What to write instead of a bare number. */
function textHint(schema: z.core.$ZodType | undefined): string {
  const pattern = String((schema === undefined ? undefined : globalRegistry.get(schema))?.pattern ?? "");
  if (pattern.includes("ms|")) return "a duration needs its unit, such as 30s or 5m";
  if (pattern.includes("KiB")) return "a size needs its unit, such as 16KiB or 1MiB";
  return pattern.includes(":\\d") ? "the address comes before the port, as in 127.0.0.1:8443" : "put it in quotes";
}
