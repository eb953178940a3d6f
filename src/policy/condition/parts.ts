/** Expressions as trees: their parts, and calls put around them. */
import { type Expr, ExprSchema } from "@bufbuild/cel-spec/cel/expr/syntax_pb.js";
import { create } from "@bufbuild/protobuf";

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

/** How many parts an expression has, itself included. */
export function countParts(expr: Expr): number {
  return partsOf(expr).reduce((sum, part) => sum + (part === undefined ? 0 : countParts(part)), 1);
}

/** A call of a function on an expression, which stands where the expression stood. */
export function callOf(name: string, operand: Expr, ...rest: readonly Expr[]): Expr {
  const exprKind = { case: "callExpr" as const, value: { function: name, args: [operand, ...rest] } };
  return create(ExprSchema, { id: operand.id, exprKind });
}
