/**
 * Conditions: CEL expressions (github.com/google/cel-spec), parsed, checked and planned once. How one comes out is a set of
 * outcomes, so that the same evaluation serves a call, of which everything is known, and a list, where the arguments are not.
 */
import { type CelInput, celEnv, parse, plan } from "@bufbuild/cel";
import type { Expr } from "@bufbuild/cel-spec/cel/expr/syntax_pb.js";
import { foldKey } from "../../mcp/json.ts";
import { factBits } from "../facts.ts";
import { addressFunctions } from "./addresses.ts";
import { meterMacros, paidFunctions } from "./costs.ts";
import { soundFunctions } from "./functions.ts";
import { compilePattern } from "./patterns.ts";
import { evaluateWithin, type Purse } from "./purse.ts";
import { findSlip } from "./slips.ts";
import { makeStrict, strictFunctions } from "./strictness.ts";
import { findLastComment } from "./tokens.ts";
import { checkTypes, type Typing } from "./typing.ts";
import type { KnownNames } from "./values.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** Characters of an expression. */
export const maxConditionLength = 2_048;
/** Brackets within brackets; the parser recurses. */
const maxNesting = 32;

/** How a condition may come out: a set, as a sum of these. */
export const outcome = { true: 1, false: 2, error: 4 } as const;
export type Outcomes = number;
const anything: Outcomes = outcome.true | outcome.false | outcome.error;

/** A mistake in an expression. `offset` counts UTF-16 code units from its beginning. */
export interface ConditionFault {
  readonly offset: number;
  readonly message: string;
  readonly hint?: string | undefined;
}

/** What a condition is evaluated over. */
export interface Bindings {
  /** The variables, as far as something that reads so much asks for them (a sum of `factBits`). */
  valuesFor(reads: number): Vocabulary;
  /** What is not known, as a sum of `factBits`. */
  readonly unknown: number;
  /** What should be there and is not: whatever reads it fails, `has()` included. */
  readonly missing: number;
  /**
   * Whether the server may read the arguments differently: they are no map, have a member that only looks like one of these names,
   * or a number that is another one to whoever reads more digits than a double has.
   */
  isDoubtful(names: KnownNames): boolean;
  /** What all conditions of a decision may cost together. */
  readonly purse: Purse;
}

export interface Condition {
  readonly text: string;
  /** What it reads, as a sum of `factBits`. */
  readonly reads: number;
  /** Never throws. */
  outcomes(bindings: Bindings): Outcomes;
}

const environment = celEnv({
  funcs: [...paidFunctions, ...soundFunctions, ...strictFunctions, ...addressFunctions],
  re2: { compile: compilePattern },
});

/**
 * Compiles an expression.
 *
 * @returns every mistake instead, if there is one
 */
export function compileCondition(text: string): Condition | readonly ConditionFault[] {
  const deep = findDeepBracket(text);
  if (deep !== undefined) return [{ offset: deep, message: `brackets are nested deeper than ${maxNesting}` }];
  const parsed = parseExpression(text);
  const comment = findLastComment(text);
  if (comment !== undefined && (!("message" in parsed) || parsed.offset >= comment)) return [swallowing(comment)];
  if ("message" in parsed) return [parsed];
  const { expr, offsetOf } = parsed;
  const { faults, reads, names, anyName } = checkTypes(expr, offsetOf);
  if (faults.length > 0) return faults;
  const known = { exact: names, folded: [...names].flatMap((name) => foldKey(name) ?? []), any: anyName };
  const typingOf = (part: Expr) => checkTypes(part, offsetOf);
  const node = compileNode(expr, typingOf);
  const readsArguments = (reads & argumentBits) !== 0;
  return {
    text,
    reads,
    outcomes(bindings) {
      // What the server may read differently is not judged.
      const evaluate = () => (readsArguments && bindings.isDoubtful(known) ? outcome.error : node(bindings));
      return evaluateWithin(bindings.purse, evaluate) ?? outcome.error;
    },
  };
}

/** Where YAML has made one line of several, a comment takes what was written below it along: half of a condition would be left. */
function swallowing(offset: number): ConditionFault {
  const hint = "begin the condition with | to keep its lines apart, and write no comment behind the last one";
  return { offset, message: "from here on everything is a comment", hint };
}

export const argumentBits = factBits.toolArguments | factBits.promptArguments;

interface Parsed {
  readonly expr: Expr;
  /** Where a part stands, by its id. */
  readonly offsetOf: (id: bigint) => number;
}

/** @returns the expression, or why there is none */
export function parseExpression(text: string): Parsed | ConditionFault {
  try {
    const { expr, sourceInfo } = parse(text);
    if (expr === undefined) return { offset: 0, message: "this is no expression" };
    return { expr, offsetOf: (id) => skipSpace(text, sourceInfo?.positions[String(id)] ?? 0) };
  } catch (error) {
    const { offset } = (error as { location?: { start: { offset: number } } }).location?.start ?? { offset: 0 };
    const failedAt = { offset: skipSpace(text, Math.min(offset, text.length)) };
    return { ...failedAt, message: "the expression cannot be read from here on", ...findSlip(text, failedAt.offset) };
  }
}

/** The parser takes the white space before an operator for a part of it. */
function skipSpace(text: string, offset: number): number {
  return text.length - text.slice(offset).trimStart().length;
}

/** Counted before the parser recurses; what stands in quotes counts too, which no sensible text runs into. */
function findDeepBracket(text: string): number | undefined {
  let depth = 0;
  for (let index = 0; index < text.length; index++) {
    const letter = text.charAt(index);
    if ("([{".includes(letter)) depth += 1;
    if (")]}".includes(letter)) depth -= 1;
    if (depth > maxNesting) return index;
  }
  return undefined;
}

type Node = (bindings: Bindings) => Outcomes;

/**
 * Operators are taken apart, so that `jwt.tenant == "acme" && mcp.tool.arguments.amount < 100` is known to be false for
 * other tenants whatever the amount; what is between them is left to the planner.
 */
function compileNode(expr: Expr, typingOf: (part: Expr) => Typing): Node {
  const { exprKind } = expr;
  const inside = (part: Expr) => compileNode(part, typingOf);
  if (exprKind.case === "callExpr") {
    const { function: name, args } = exprKind.value;
    if (name === "_&&_") return args.map(inside).reduce((one, other) => join(one, other, outcome.false));
    if (name === "_||_") return args.map(inside).reduce((one, other) => join(one, other, outcome.true));
    // The parser gives operators as many operands as they have.
    if (name === "!_") return negate(...(args.map(inside) as [Node]));
    if (name === "_?_:_") return choose(...(args.map(inside) as [Node, Node, Node]));
  }
  return compileLeaf(expr, typingOf(expr));
}

/**
 * Both, or either: whatever the other says, one side that is `strong` decides, an error on the other side included (cel-spec,
 * Logical Operators).
 */
function join(one: Node, other: Node, strong: Outcomes): Node {
  const weak = outcome.true + outcome.false - strong;
  return (bindings) => {
    const left = one(bindings);
    if (left === strong) return strong;
    const right = other(bindings);
    let result = (left | right) & strong;
    if ((left & weak) !== 0 && (right & weak) !== 0) result |= weak;
    if ((left & outcome.error && right & ~strong) || (right & outcome.error && left & ~strong)) result |= outcome.error;
    return result;
  };
}

function negate(operand: Node): Node {
  return (bindings) => {
    const inner = operand(bindings);
    const turned = (inner & outcome.true ? outcome.false : 0) | (inner & outcome.false ? outcome.true : 0);
    return turned | (inner & outcome.error);
  };
}

function choose(test: Node, one: Node, other: Node): Node {
  return (bindings) => {
    const tested = test(bindings);
    let result = tested & outcome.error;
    if ((tested & outcome.true) !== 0) result |= one(bindings);
    if ((tested & outcome.false) !== 0) result |= other(bindings);
    return result;
  };
}

function compileLeaf(expr: Expr, { reads, maps }: Typing): Node {
  const evaluate = planPart(expr, maps);
  return ({ valuesFor, unknown, missing }) => {
    if ((reads & missing) !== 0) return outcome.error;
    return (reads & unknown) !== 0 ? anything : evaluate(() => valuesFor(reads));
  };
}

/**
 * Plans a part of an expression that is not taken apart any further. Changes it.
 *
 * @param maps what its {@link Typing} says
 * @returns one outcome for given variables; never throws, and is paid for by whoever was named to `payFrom` last
 */
export function planPart(expr: Expr, maps: ReadonlySet<Expr>): (readVariables: () => object) => Outcomes {
  makeStrict(expr, maps);
  meterMacros(expr);
  const evaluate = plan(environment, expr);
  return (readVariables) => {
    // Errors come back as objects, which are truthy.
    const result = evaluate(readVariables() as Record<string, CelInput>);
    if (result === true) return outcome.true;
    return result === false ? outcome.false : outcome.error;
  };
}
