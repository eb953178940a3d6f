/** Types of values in conditions, as far as they are known before there are values (cel-spec, Language Definition, Values). */
import type { FactName } from "../facts.ts";

export type Scalar =
  | "bool"
  | "int"
  | "uint"
  | "double"
  | "string"
  | "bytes"
  | "null"
  | "timestamp"
  | "duration"
  | "type"
  | "dyn";
export type Type = Scalar | { readonly list: Type } | { readonly map: Type } | { readonly members: Members };
export type Members = Readonly<Record<string, Type | Fact>>;
/** Something that may be unknown while a decision is made. */
export type Fact = { readonly type: Type; readonly fact: FactName };

/** What a macro takes from it one by one; undefined where it cannot be walked over. */
export function elementOf(range: Type): Type | undefined {
  if (range === "dyn") return "dyn";
  if (typeof range !== "object") return undefined;
  if ("list" in range) return range.list;
  return "map" in range ? "string" : undefined;
}

/** Whether values of the two could ever be equal. */
export function isComparable(one: Type, other: Type): boolean {
  if (one === "dyn" || other === "dyn") return true;
  if (typeof one === "object" || typeof other === "object") {
    return typeof one === "object" && typeof other === "object" && "list" in one === "list" in other;
  }
  return one === other || (isNumber(one) && isNumber(other));
}

function isNumber(type: Scalar): boolean {
  return type === "int" || type === "uint" || type === "double";
}

/** Exactly the same type; `dyn` is the same as itself alone. */
export function isSame(one: Type, other: Type): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

const words: Readonly<Record<Scalar, string>> = {
  bool: "true or false",
  int: "a whole number",
  uint: "an unsigned number",
  double: "a number",
  string: "text",
  bytes: "bytes",
  null: "null",
  timestamp: "a time",
  duration: "a duration",
  type: "a type",
  dyn: "anything",
};

/** As a mistake names it. */
export function nameOf(type: Type): string {
  if (typeof type !== "object") return words[type];
  return "list" in type ? "a list" : "a map";
}
