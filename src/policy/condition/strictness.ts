/**
 * Where CEL says false of what it cannot compare or look into, conditions fail: `has(x.force)` of a text is no answer, since the
 * server may well read the text as the object that is written in it, nor is `"root" in x` of a map where a list is meant, whose keys
 * the caller chooses. So parts of an expression are put into calls that check.
 */
import {
  type CelFunc,
  type CelMap,
  CelScalar,
  type CelValue,
  celFunc,
  isCelList,
  isCelMap,
  listType,
  mapType,
} from "@bufbuild/cel";
import type { Expr } from "@bufbuild/cel-spec/cel/expr/syntax_pb.js";
import { costOfEquality, costOfSearch } from "./costs.ts";
import { compare, isAmong, kindOf, numberOf } from "./kinds.ts";
import { pay } from "./purse.ts";
import { callOf, partsOf } from "./tree.ts";

const { BOOL, DOUBLE, DYN, INT, UINT } = CelScalar;
const LIST = listType(DYN);
const MAP = mapType(DYN, DYN);
const [map, list, among, at] = ["@map", "@list", "@among", "@at"] as const;

/**
 * Makes all parts of an expression fail for values that they are not meant for.
 *
 * @param maps what macros walk over and `in` looks into that is a map by its type
 */
export function makeStrict(expr: Expr, maps: ReadonlySet<Expr>): void {
  for (const part of partsOf(expr)) if (part !== undefined) makeStrict(part, maps);
  const { exprKind: kind } = expr;
  const within = kind.case === "callExpr" && kind.value.function === "@in" ? kind.value.args[1] : undefined;
  if (kind.case === "callExpr" && within?.exprKind.case === "listExpr") {
    // The policy names what it may be, of several kinds if it likes.
    kind.value.function = among;
  } else if (kind.case === "callExpr" && within !== undefined && !maps.has(within)) {
    kind.value.args[1] = callOf(list, within);
  }
  if (kind.case === "callExpr" && kind.value.function === "_[_]") kind.value.function = at;
  const range = kind.case === "comprehensionExpr" ? kind.value.iterRange : undefined;
  if (kind.case === "comprehensionExpr" && range !== undefined && !maps.has(range)) {
    kind.value.iterRange = callOf(list, range);
  }
  if (kind.case === "selectExpr" && kind.value.testOnly && kind.value.operand !== undefined) {
    kind.value.operand = callOf(map, kind.value.operand);
  }
}

/** One for all, since a stack trace costs more than most of what is refused by it. */
const noMap = new TypeError("only maps have members");
const noList = new TypeError("this is not known to be a map, and is no list");
const incomparable = new TypeError("values of these types are never equal");
const noElement = new RangeError("there is no such element");

function areEqual(one: CelValue, other: CelValue): boolean {
  pay(costOfEquality(one, other));
  return demand(compare(one, other));
}

function demand(answer: boolean | undefined): boolean {
  if (answer === undefined) throw incomparable;
  return answer;
}

const search = (name: string, mixed: boolean) =>
  celFunc(name, [DYN, LIST], BOOL, (value, within) => {
    pay(costOfSearch(value, within));
    return demand(isAmong(value, within, mixed));
  });

/** All keys are gone through for one that is no text, which no key of JSON is. */
function payForKey(key: CelValue, { size }: CelMap): void {
  if (typeof key !== "string") pay(size * perKey);
}

const perKey = 10;

function elementAt(within: CelValue, index: CelValue): CelValue {
  const found = findElement(within, index);
  if (found === undefined) throw noElement;
  return found;
}

/** Left to itself the evaluator takes true for 1 in a list, where a server may fail or see another element. */
function findElement(within: CelValue, index: CelValue): CelValue | undefined {
  if (isCelList(within)) return kindOf(index) === "number" ? within.get(Number(numberOf(index))) : undefined;
  if (!isCelMap(within)) return undefined;
  payForKey(index, within);
  return within.get(index as string);
}

export const strictFunctions: readonly CelFunc[] = [
  celFunc(map, [DYN], DYN, (value) => {
    if (!isCelMap(value)) throw noMap;
    return value;
  }),
  celFunc(list, [DYN], DYN, (value) => {
    if (!isCelList(value)) throw noList;
    return value;
  }),
  celFunc("_==_", [DYN, DYN], BOOL, areEqual),
  celFunc("_!=_", [DYN, DYN], BOOL, (one, other) => !areEqual(one, other)),
  celFunc(at, [DYN, DYN], DYN, elementAt),
  search("@in", false),
  search(among, true),
  // The keys of everything that is JSON are text.
  ...[BOOL, DOUBLE, INT, UINT].map((type) =>
    celFunc("@in", [type, MAP], BOOL, (key, within) => {
      payForKey(key, within);
      if (within.has(key)) return true;
      for (const each of within.keys()) if (kindOf(each) === kindOf(key)) return false;
      throw incomparable;
    }),
  ),
];
