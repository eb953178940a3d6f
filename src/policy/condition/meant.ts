/** What was probably meant by a name or function that conditions do not have. Pure. */
import { didYouMean } from "../../config/diagnose.ts";
import { functions } from "./signatures.ts";
import { hintForWord } from "./slips.ts";
import type { Fact, Type } from "./types.ts";
import { variables } from "./variables.ts";

/**
 * @param name that nothing has, where `known` could stand
 * @returns what to write in its place
 */
export function hintForName(name: string, known: readonly string[]): string {
  return didYouMean(name, known) ?? hintForWord(name) ?? writeOne(pathsTo(name)) ?? `known: ${known.join(", ")}`;
}

/**
 * @param name of a function that there is not, or not in this form
 * @returns what to write in its place, if anything is like it
 */
export function hintForFunction(name: string): string | undefined {
  const known = functions.get(name);
  if (known !== undefined) {
    const isAlone = known.overloads.some(({ params }) => params.length === 1);
    return `write ${known.method === true ? `x.${name}(${isAlone ? "" : "y"})` : `${name}(x)`}`;
  }
  const form = macros.get(name);
  if (form !== undefined) return `write ${form}`;
  const foreign = calls.get(name.toLowerCase());
  if (foreign !== undefined) return `CEL writes ${foreign} for ${name}`;
  return didYouMean(name, [...functions.keys(), ...macros.keys()]) ?? hintForWord(name);
}

/** They are no functions: the parser puts something else in their place, where they have the form that it knows. */
const macros = new Map([
  ["has", "has(x.y)"],
  ["all", "x.all(y, …)"],
  ["exists", "x.exists(y, …)"],
  ["exists_one", "x.exists_one(y, …)"],
  ["filter", "x.filter(y, …)"],
  ["map", "x.map(y, …)"],
]);

const part = "y in x of a list, or x.contains(y) of text,";
const calls = new Map([
  ["includes", part],
  ["indexof", part],
  ["match", "x.matches(y)"],
  ["test", "x.matches(y)"],
  ["search", "x.matches(y)"],
  ["some", macros.get("exists")],
  ["any", macros.get("exists")],
  ["find", macros.get("exists")],
  ["every", macros.get("all")],
  ["len", "size(x)"],
  ["length", "size(x)"],
  ["count", "size(x)"],
  ["number", "double(x)"],
  ["parseint", "int(x)"],
  ["parsefloat", "double(x)"],
  ["float", "double(x)"],
  ["str", "string(x)"],
  ["tostring", "string(x)"],
  ["date", 'timestamp("2026-12-31T18:00:00Z")'],
  ["hasownproperty", macros.get("has")],
  ["lower", 'x.matches("(?i)…")'],
  ["tolowercase", 'x.matches("(?i)…")'],
  ["upper", 'x.matches("(?i)…")'],
  ["touppercase", 'x.matches("(?i)…")'],
]);

function writeOne(forms: readonly string[]): string | undefined {
  return forms.length === 0 ? undefined : `write ${forms.join(" or ")}`;
}

/** Where something of this name is, as `mcp.tool.arguments`. */
function pathsTo(name: string, within: Type | Fact = { members: variables }, prefix = ""): string[] {
  if (typeof within !== "object" || !("members" in within)) return [];
  return Object.entries(within.members).flatMap(([member, inner]) => {
    const path = `${prefix}${member}`;
    return [...(member === name ? [path] : []), ...pathsTo(name, inner, `${path}.`)];
  });
}
