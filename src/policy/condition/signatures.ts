/** Functions and operators of conditions: the standard library of CEL (cel-spec, List of Standard Definitions), and `inCidr`. */
import { isSame, type Scalar, type Type } from "./types.ts";

interface Overload {
  readonly params: readonly (Scalar | "list" | "map")[];
  readonly result: Type;
}

interface Signature {
  /** Called on its first operand. */
  readonly method: boolean | "both";
  readonly overloads: readonly Overload[];
  /** The result whichever overload it is. */
  readonly common: Type;
}

/** By the name that the parser gives them. */
export const functions: ReadonlyMap<string, Signature> = new Map([
  ...["_<_", "_<=_", "_>_", "_>=_"].map((name) => entry(name, false, comparable())),
  entry("_&&_", false, ["bool bool -> bool"]),
  entry("_||_", false, ["bool bool -> bool"]),
  entry("!_", false, ["bool -> bool"]),
  entry("@not_strictly_false", false, ["bool -> bool"]),
  entry("@in", false, ["dyn list -> bool", "dyn map -> bool"]),
  entry("_+_", false, [
    ...["int", "uint", "double", "string", "bytes", "list", "duration"].map((type) => `${type} ${type} -> ${type}`),
    "timestamp duration -> timestamp",
    "duration timestamp -> timestamp",
  ]),
  entry("_-_", false, [
    ...["int", "uint", "double", "duration"].map((type) => `${type} ${type} -> ${type}`),
    "timestamp timestamp -> duration",
    "timestamp duration -> timestamp",
  ]),
  ...["_*_", "_/_"].map((name) =>
    entry(
      name,
      false,
      ["int", "uint", "double"].map((type) => `${type} ${type} -> ${type}`),
    ),
  ),
  entry("_%_", false, ["int int -> int", "uint uint -> uint"]),
  entry("-_", false, ["int -> int", "double -> double"]),
  entry(
    "size",
    "both",
    ["string", "bytes", "list", "map"].map((type) => `${type} -> int`),
  ),
  ...["contains", "startsWith", "endsWith", "matches", "inCidr"].map((name) =>
    entry(name, true, ["string string -> bool"]),
  ),
  ...["getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear"].map((name) =>
    entry(name, true, ["timestamp -> int", "timestamp string -> int"]),
  ),
  ...["getHours", "getMinutes", "getSeconds", "getMilliseconds"].map((name) =>
    entry(name, true, ["timestamp -> int", "timestamp string -> int", "duration -> int"]),
  ),
  entry(
    "int",
    false,
    ["int", "uint", "double", "string", "timestamp"].map((type) => `${type} -> int`),
  ),
  entry(
    "uint",
    false,
    ["int", "uint", "double", "string"].map((type) => `${type} -> uint`),
  ),
  entry(
    "double",
    false,
    ["int", "uint", "double", "string"].map((type) => `${type} -> double`),
  ),
  entry(
    "string",
    false,
    ["string", "int", "uint", "double", "bool", "bytes", "timestamp", "duration"].map((type) => `${type} -> string`),
  ),
  entry("bytes", false, ["bytes -> bytes", "string -> bytes"]),
  entry("bool", false, ["bool -> bool", "string -> bool"]),
  entry("timestamp", false, ["timestamp -> timestamp", "string -> timestamp", "int -> timestamp"]),
  entry("duration", false, ["duration -> duration", "string -> duration"]),
  entry("type", false, ["dyn -> type"]),
  entry("dyn", false, ["dyn -> dyn"]),
]);

function comparable(): string[] {
  const numbers = ["int", "uint", "double"];
  const mixed = numbers.flatMap((one) => numbers.map((other) => `${one} ${other} -> bool`));
  return [...mixed, ...["string", "bool", "bytes", "timestamp", "duration"].map((type) => `${type} ${type} -> bool`)];
}

/** @param forms such as `int int -> int` */
function entry(name: string, method: Signature["method"], forms: readonly string[]): [string, Signature] {
  const overloads = forms.map((form): Overload => {
    const [params = "", result = ""] = form.split(" -> ");
    return {
      params: params.split(" ") as Overload["params"],
      result: result === "list" ? { list: "dyn" } : (result as Scalar),
    };
  });
  const [first] = overloads;
  const same = overloads.every(({ result }) => first !== undefined && isSame(result, first.result));
  return [name, { method, overloads, common: same && first !== undefined ? first.result : "dyn" }];
}

/** Those that do not take numbers of different types. */
export const arithmetic = new Set(["_+_", "_-_", "_*_", "_/_", "_%_"]);

/** Operators as they are written. */
export const operatorNames = new Map(
  [...functions.keys()].filter((name) => /[_@!]/.test(name)).map((name) => [name, name.replaceAll(/[_@]/g, "")]),
);

/** Whether operands of these types may be given to it: what is not known before it runs (`dyn`) may be anything. */
export function fits(params: Overload["params"], types: readonly Type[]): boolean {
  return params.length === types.length && params.every((param, index) => accepts(param, types[index] ?? "dyn"));
}

function accepts(param: Overload["params"][number], type: Type): boolean {
  if (param === "dyn" || type === "dyn") return true;
  return typeof type === "object" ? param in type : param === type;
}
