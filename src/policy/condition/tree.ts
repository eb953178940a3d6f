/** Expressions as they were parsed, for those who look for something in them. Pure. */
import type { Expr } from "@bufbuild/cel-spec/cel/expr/syntax_pb.js";
import { partsOf } from "./costs.ts";

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
