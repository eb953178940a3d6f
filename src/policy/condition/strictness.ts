/**
 * Where CEL says false of what it cannot compare or look into, conditions fail: `has(x.force)` of a text is no answer, since the
 * server may well read the text as the object that is written in it. So parts of an expression are put into calls that check.
 */
import { type CelFunc, CelScalar, celFunc, isCelMap } from "@bufbuild/cel";
import { type Expr, ExprSchema } from "@bufbuild/cel-spec/cel/expr/syntax_pb.js";
import { create } from "@bufbuild/protobuf";
import { partsOf } from "./costs.ts";

const map = "@map";

/** Makes all parts of an expression fail for values that they are not meant for. */
export function makeStrict(expr: Expr): void {
  for (const part of partsOf(expr)) if (part !== undefined) makeStrict(part);
  const { exprKind: kind } = expr;
  if (kind.case === "selectExpr" && kind.value.testOnly && kind.value.operand !== undefined) {
    kind.value.operand = callOf(map, kind.value.operand);
  }
}

function callOf(name: string, operand: Expr): Expr {
  const exprKind = { case: "callExpr" as const, value: { function: name, args: [operand] } };
  return create(ExprSchema, { id: operand.id, exprKind });
}

/** One for all, since a stack trace costs more than most of what is refused by it. */
const noMap = new TypeError("only maps have members");

export const strictFunctions: readonly CelFunc[] = [
  celFunc(map, [CelScalar.DYN], CelScalar.DYN, (value) => {
    if (!isCelMap(value)) throw noMap;
    return value;
  }),
];
