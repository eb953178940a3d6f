/**
 * What conditions cost. Callers choose how large the values are that a condition works on, so everything that takes longer with
 * larger values is paid for; what cannot be paid for is an error.
 */
import {
  type CelFunc,
  type CelList,
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
import { canPay, pay } from "./purse.ts";
import { callOf, countParts, partsOf } from "./tree.ts";

/** A step of a macro, and each part of the expression that it evaluates. An error, which is the dearest, takes about four times as much. */
const [perStep, perPart] = [300, 250];
/** Macros put what they are going to walk over into a list first. */
const perItem = 30;
const perValue = 50;
/** What is copied or compared as a whole is much cheaper than what is looked at one by one. */
const perCharacter = 1 / 8;

const [walk, step] = ["@walk", "@step"];

/**
 * Makes all macros of an expression pay, for what they walk over and for each step before it is taken. A step that cannot be paid
 * for ends the macro, since the condition of its loop fails.
 *
 * @throws Error for a macro without what can be paid for, which no parser makes
 */
export function meterMacros(expr: Expr): void {
  const { exprKind: kind } = expr;
  if (kind.case === "comprehensionExpr") {
    const { iterRange, loopCondition, loopStep } = kind.value;
    if (iterRange === undefined || loopCondition === undefined || loopStep === undefined)
      throw new Error("a macro without a loop cannot be metered");
    const weight = perStep + perPart * (countParts(loopCondition) + countParts(loopStep));
    const price = create(ExprSchema, {
      exprKind: { case: "constExpr", value: { constantKind: { case: "int64Value", value: BigInt(weight) } } },
    });
    kind.value.iterRange = callOf(walk, iterRange);
    kind.value.loopCondition = callOf(step, loopCondition, price);
  }
  for (const part of partsOf(expr)) if (part !== undefined) meterMacros(part);
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

/** Types whose values have a size. Lists are paid for by those who replace what the library does with them. */
const sizable = new Set(["string", "bytes"]);

const compare = (one: CelValue, other: CelValue) => Math.min(lengthOf(one), lengthOf(other)) * perCharacter;
const convert = (one: CelValue) => lengthOf(one) * 2;

const costs: Readonly<Record<string, (one: CelValue, other: CelValue) => number>> = {
  "_<_": compare,
  "_<=_": compare,
  "_>_": compare,
  "_>=_": compare,
  "_+_": (one, other) => (lengthOf(one) + lengthOf(other)) * perCharacter,
  size: (one) => (typeof one === "string" ? one.length * 8 : 0),
  // The engine's search takes the product of both lengths for long texts that are made for it.
  contains: (one, other) => lengthOf(one) * (lengthOf(other) > 250 ? lengthOf(other) : 4),
  startsWith: compare,
  endsWith: compare,
  bytes: convert,
  string: convert,
};

function lengthOf(value: CelValue): number {
  return typeof value === "string" || value instanceof Uint8Array ? value.length : 0;
}

/** Of `in`: the value is compared with each element. */
export function costOfSearch(one: CelValue, within: CelList): number {
  return sumUp(within, (each) => costOfEquality(one, each));
}

/** Of `==` and `!=`. A comparison with a list or map may go through all of the first operand. */
export function costOfEquality(one: CelValue, other: CelValue): number {
  return isCelList(other) || isCelMap(other) ? weigh(one) : perValue + compare(one, other);
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
    if (!canPay(sum)) return Infinity;
  }
  return sum;
}

/** Functions of the standard library that pay before they work. */
export const paidFunctions: readonly CelFunc[] = [
  celFunc(walk, [CelScalar.DYN], CelScalar.DYN, (range) => {
    if (isCelList(range) || isCelMap(range)) pay(range.size * perItem);
    return range;
  }),
  celFunc(step, [CelScalar.BOOL, CelScalar.INT], CelScalar.BOOL, (goesOn, price) => {
    pay(Number(price));
    return goesOn;
  }),
  ...[...celEnv().funcs].flatMap(makePaid),
];
