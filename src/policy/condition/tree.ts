/** Expressions as trees: their parts, what they say, and calls put around them. Pure. */
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

/** An expression and everything within it. */
export function* walk(expr: Expr): Generator<Expr> {
  yield expr;
  for (const part of partsOf(expr)) if (part !== undefined) yield* walk(part);
}

/** `mcp.tool.name`; undefined for what is no path, or asks for a member with `has()`. */
export function pathOf(expr: Expr | undefined): string | undefined {
  const kind = expr?.exprKind;
  if (kind?.case === "identExpr") return kind.value.name;
  if (kind?.case !== "selectExpr" || kind.value.testOnly) return undefined;
  const before = pathOf(kind.value.operand);
  return before === undefined ? undefined : `${before}.${kind.value.field}`;
}

/** Text that stands in the expression as it is. */
export function textOf(expr: Expr | undefined): string | undefined {
  const constant = expr?.exprKind.case === "constExpr" ? expr.exprKind.value.constantKind : undefined;
  return constant?.case === "stringValue" ? constant.value : undefined;
}

/** How many parts an expression has, itself included. */
export function countParts(expr: Expr): number {
  // Not by `walk`: each step of a generator within others takes as long as it is deep.
  return partsOf(expr).reduce((sum, part) => sum + (part === undefined ? 0 : countParts(part)), 1);
}

/** A call of a function on an expression, which stands where the expression stood. */
export function callOf(name: string, operand: Expr, ...rest: readonly Expr[]): Expr {
  const exprKind = { case: "callExpr" as const, value: { function: name, args: [operand, ...rest] } };
  return create(ExprSchema, { id: operand.id, exprKind });
}
