/**
 * What conditions cost. Callers choose how large the values are that a condition works on, so everything that takes longer with
 * larger values is paid for; what cannot be paid for is an error. Pure: the purse comes with the evaluation, which is synchronous.
 */
import {
  type CelFunc,
  CelScalar,
  type CelValue,
  celEnv,
  celFunc,
  celMethod,
  isCelError,
  isCelList,
  isCelMap,
} from "@bufbuild/cel";
import { type Expr, ExprSchema } from "@bufbuild/cel-spec/cel/expr/syntax_pb.js";
import { create } from "@bufbuild/protobuf";

/** What one decision may still spend, in about a nanosecond each. */
export interface Purse {
  left: number;
}

/** As much as is worth 20,000 steps of macros, or comparing 20 million characters one by one. */
export function fillPurse(): Purse {
  return { left: 20_000_000 };
}

const perStep = 1_000;
const perValue = 50;
/** What is copied or compared as a whole is much cheaper than what is looked at one by one. */
const perCharacter = 1 / 8;

let purse: Purse = { left: 0 };

/** From now on it is paid from this one. */
export function payFrom(given: Purse): void {
  purse = given;
}

/** @throws RangeError when nothing is left */
export function pay(cost: number): void {
  purse.left -= cost;
  if (purse.left < 0) throw tooExpensive;
}

/** One for all, since a stack trace costs more than most of what is refused by it. */
const tooExpensive = new RangeError("the condition costs too much");

const walk = "@walk";

/** Makes all macros of an expression pay for their steps before they take them. */
export function meterMacros(expr: Expr): void {
  for (const part of partsOf(expr)) if (part !== undefined) meterMacros(part);
  const { exprKind: kind } = expr;
  const range = kind.case === "comprehensionExpr" ? kind.value.iterRange : undefined;
  if (kind.case !== "comprehensionExpr" || range === undefined) return;
  const exprKind = { case: "callExpr" as const, value: { function: walk, args: [range] } };
  kind.value.iterRange = create(ExprSchema, { id: range.id, exprKind });
}

/** What an expression is made of, one step down. */
export function partsOf({ exprKind: kind }: Expr): readonly (Expr | undefined)[] {
  switch (kind.case) {
    case "selectExpr":
      return [kind.value.operand];
    case "callExpr":
      return [kind.value.target, ...kind.value.args];
    case "listExpr":
      return kind.value.elements;
    case "structExpr":
      return kind.value.entries.flatMap(({ keyKind, value }) => [
        keyKind.case === "mapKey" ? keyKind.value : undefined,
        value,
      ]);
    case "comprehensionExpr": {
      const { iterRange, accuInit, loopCondition, loopStep, result } = kind.value;
      return [iterRange, accuInit, loopCondition, loopStep, result];
    }
    default:
      return [];
  }
}

function makePaid(func: CelFunc): CelFunc[] {
  const { name, target, arguments: params, result } = func;
  const cost = costs[name];
  if (cost === undefined || ![target, ...params].some((type) => type !== undefined && sizable.has(type.name)))
    return [];
  const call = (on: CelValue | undefined, operands: CelValue[]) => {
    const [one, other] = on === undefined ? operands : [on, ...operands];
    pay(cost(one as CelValue, other as CelValue));
    const value = func.call(0, on, operands);
    if (value === undefined || isCelError(value)) throw value;
    return value;
  };
  if (target === undefined) return [celFunc(name, params, result, (...operands) => call(undefined, operands))];
  return [
    celMethod(name, target, params, result, function (...operands) {
      return call(this as CelValue, operands);
    }),
  ];
}

/** Types whose values have a size. */
const sizable = new Set(["string", "bytes", "list", "dyn"]);

const compare = (one: CelValue, other: CelValue) => Math.min(lengthOf(one), lengthOf(other)) * perCharacter;
const convert = (one: CelValue) => lengthOf(one) * 2;
const parse = () => 5_000;

const costs: Readonly<Record<string, (one: CelValue, other: CelValue) => number>> = {
  "_==_": costOfEquality,
  "_!=_": costOfEquality,
  "_<_": compare,
  "_<=_": compare,
  "_>_": compare,
  "_>=_": compare,
  "_+_": (one, other) => (lengthOf(one) + lengthOf(other)) * perCharacter,
  "@in": costOfSearch,
  size: (one) => (typeof one === "string" ? one.length * 8 : 0),
  // The engine's search takes the product of both lengths for long texts that are made for it.
  contains: (one, other) => lengthOf(one) * (lengthOf(other) > 250 ? lengthOf(other) : 4),
  startsWith: compare,
  endsWith: compare,
  bytes: convert,
  string: convert,
  timestamp: parse,
  duration: parse,
};

function lengthOf(value: CelValue): number {
  return typeof value === "string" || value instanceof Uint8Array ? value.length : 0;
}

export function costOfSearch(one: CelValue, other: CelValue): number {
  return isCelList(other) ? sumUp(other, (each) => costOfEquality(one, each)) : perValue;
}

export function costOfEquality(one: CelValue, other: CelValue): number {
  const isOne = isCelList(one) || isCelMap(one);
  return isOne && (isCelList(other) || isCelMap(other)) ? weigh(one) : perValue + compare(one, other);
}

function weigh(value: CelValue): number {
  if (isCelList(value)) return sumUp(value, weigh);
  if (isCelMap(value)) return sumUp(value.values(), weigh);
  return perValue + lengthOf(value) * perCharacter;
}

/** Stops where it is too much already. */
function sumUp(values: Iterable<CelValue>, costOf: (value: CelValue) => number): number {
  let sum = perValue;
  for (const value of values) {
    sum += costOf(value);
    if (sum > purse.left) return Infinity;
  }
  return sum;
}

/** Functions of the standard library that pay before they work. */
export const paidFunctions: readonly CelFunc[] = [
  celFunc(walk, [CelScalar.DYN], CelScalar.DYN, (range) => {
    if (isCelList(range) || isCelMap(range)) pay(range.size * perStep);
    return range;
  }),
  ...[...celEnv().funcs].flatMap(makePaid),
];
