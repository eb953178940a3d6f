/** What can be told of a condition before there is a call: how it may come out at all, and what it takes for granted. */
import { parse } from "@bufbuild/cel";
import type { Expr } from "@bufbuild/cel-spec/cel/expr/syntax_pb.js";
import { type Outcomes, outcome, planPart } from "../condition/condition.ts";
import { evaluateWithin, fillPurse } from "../condition/purse.ts";
import { pathOf, textOf, walk } from "../condition/tree.ts";
import { checkTypes } from "../condition/typing.ts";
import { variables } from "../condition/variables.ts";

const anything: Outcomes = outcome.true | outcome.false | outcome.error;

/** A condition that compiles, taken apart. */
export interface FoldedCondition {
  /** Members of open-ended maps that it reads without asking for them with `has()` or `in`, such as `jwt.tenant`. */
  readonly unguarded: readonly string[];
  /**
   * How it may come out at all. What the set lacks cannot be.
   *
   * @param missing what is never there, as a sum of `factBits`: reading it fails
   */
  outcomes(missing: number): Outcomes;
}

/** @param text of a condition that compiles */
export function foldCondition(text: string): FoldedCondition {
  const { expr } = parse(text);
  if (expr === undefined) throw new Error("a condition cannot be read");
  const parts = [...walk(expr)];
  const asked = new Set(parts.flatMap((part) => askedBy(part) ?? []));
  const read = new Set(parts.flatMap((part) => readBy(part) ?? []));
  return {
    unguarded: [...read].filter((path) => !asked.has(path)),
    outcomes: compileFold(expr),
  };
}

type Fold = (missing: number) => Outcomes;

function compileFold(expr: Expr): Fold {
  const { exprKind } = expr;
  if (exprKind.case === "callExpr" && isLogical(exprKind.value.function)) {
    const { function: name, args } = exprKind.value;
    const [first = unsure, second = unsure, third = unsure] = args.map(compileFold);
    if (name === "_&&_") return (missing) => both(first(missing), second(missing));
    if (name === "_||_") return (missing) => negate(both(negate(first(missing)), negate(second(missing))));
    if (name === "!_") return (missing) => negate(first(missing));
    return (missing) => {
      const test = first(missing);
      const chosen = (test & outcome.true ? second(missing) : 0) | (test & outcome.false ? third(missing) : 0);
      return (test & outcome.error) | chosen;
    };
  }
  const { reads, maps } = checkTypes(expr, () => 0);
  const open = [...walk(expr)].some(namesVariable) ? anything : evaluate(expr, maps);
  return (missing) => ((reads & missing) === 0 ? open : outcome.error);
}

const unsure: Fold = () => anything;

function isLogical(name: string): boolean {
  return name === "_&&_" || name === "_||_" || name === "!_" || name === "_?_:_";
}

const single = [outcome.true, outcome.false, outcome.error] as const;

/** Every way in which two may come out together (cel-spec, Logical Operators). */
function both(one: Outcomes, other: Outcomes): Outcomes {
  let result = 0;
  for (const left of single) {
    for (const right of single) {
      if ((one & left) === 0 || (other & right) === 0) continue;
      if (left === outcome.false || right === outcome.false) result |= outcome.false;
      else result |= left === outcome.error || right === outcome.error ? outcome.error : outcome.true;
    }
  }
  return result;
}

function negate(outcomes: Outcomes): Outcomes {
  const turned = (outcomes & outcome.true ? outcome.false : 0) | (outcomes & outcome.false ? outcome.true : 0);
  return turned | (outcomes & outcome.error);
}

function evaluate(expr: Expr, maps: ReadonlySet<Expr>): Outcomes {
  return evaluateWithin(fillPurse(), () => planPart(expr, maps)(() => ({}))) ?? outcome.error;
}

function namesVariable({ exprKind }: Expr): boolean {
  // What a macro calls by the name of a variable counts as that one, which only makes lint say less.
  return exprKind.case === "identExpr" && Object.hasOwn(variables, exprKind.value.name);
}

/** Maps of which nobody knows beforehand what is in them. */
const openMaps = new Set(["jwt", "mcp.tool.arguments", "mcp.tool.annotations", "mcp.prompt.arguments"]);

/** The member of an open map that a part reads. */
function readBy({ exprKind }: Expr): string | undefined {
  if (exprKind.case === "selectExpr" && !exprKind.value.testOnly)
    return memberOf(exprKind.value.operand, exprKind.value.field);
  if (exprKind.case !== "callExpr" || exprKind.value.function !== "_[_]") return undefined;
  const [map, key] = exprKind.value.args;
  return memberOf(map, textOf(key));
}

/** The member of an open map that a part asks for. */
function askedBy({ exprKind }: Expr): string | undefined {
  if (exprKind.case === "selectExpr" && exprKind.value.testOnly)
    return memberOf(exprKind.value.operand, exprKind.value.field);
  if (exprKind.case !== "callExpr" || exprKind.value.function !== "@in") return undefined;
  const [key, map] = exprKind.value.args;
  return memberOf(map, textOf(key));
}

function memberOf(map: Expr | undefined, member: string | undefined): string | undefined {
  const path = pathOf(map);
  return path !== undefined && member !== undefined && openMaps.has(path) ? `${path}.${member}` : undefined;
}
