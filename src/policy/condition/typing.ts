/**
 * Names and types in conditions. The evaluator finds both out only when a call comes, as an error, which is a denial: a
 * mistyped name would never match, and nobody would know. So they are checked when the policy is read (cel-spec, Language
 * Definition: gradual type checking).
 */
import type { Constant, Expr } from "@bufbuild/cel-spec/cel/expr/syntax_pb.js";
import { readCidr } from "../../network/cidr.ts";
import { factBits } from "../facts.ts";
import type { ConditionFault } from "./condition.ts";
import { hintForFunction, hintForName } from "./meant.ts";
import { compilePattern } from "./patterns.ts";
import { arithmetic, fits, functions, operatorNames } from "./signatures.ts";
import { textOf } from "./tree.ts";
import { elementOf, type Fact, isComparable, isSame, nameOf, type Type } from "./types.ts";
import { anyMap, variables } from "./variables.ts";

/** What was found out about an expression. */
export interface Typing {
  readonly type: Type;
  readonly faults: readonly ConditionFault[];
  /** What it reads, as a sum of `factBits`. */
  readonly reads: number;
  /** Every member that is named, of whatever. */
  readonly names: ReadonlySet<string>;
  /** Whether it also asks for members whose names are not written in it. */
  readonly anyName: boolean;
  /** What macros walk over and `in` looks into that is a map whatever comes. */
  readonly maps: ReadonlySet<Expr>;
}

/** @param offsetOf where an expression stands in the text, by its id */
export function checkTypes(expr: Expr, offsetOf: (id: bigint) => number): Typing {
  const checker = new Checker(offsetOf);
  const type = checker.check(expr, new Map());
  if (checker.faults.length === 0 && type !== "bool" && type !== "dyn") {
    checker.fault(expr, `this is ${nameOf(type)}; a condition must be true or false`);
  }
  return {
    type,
    faults: checker.faults,
    reads: checker.reads,
    names: checker.names,
    anyName: checker.anyName,
    maps: checker.maps,
  };
}

type Scope = ReadonlyMap<string, Type>;

/** The planner takes the square of a path's length, and whatever looks at an expression recurses. */
const maxDepth = 128;

class Checker {
  readonly faults: ConditionFault[] = [];
  reads = 0;
  readonly names = new Set<string>();
  anyName = false;
  readonly maps = new Set<Expr>();
  #depth = 0;
  #silent = false;
  readonly #offsetOf: (id: bigint) => number;

  constructor(offsetOf: (id: bigint) => number) {
    this.#offsetOf = offsetOf;
  }

  fault({ id }: Expr, message: string, hint?: string): Type {
    if (!this.#silent) this.faults.push({ offset: this.#offsetOf(id), message, hint });
    return "dyn";
  }

  /** The type of a value: what is only a part of a path is none. */
  check(expr: Expr, scope: Scope): Type {
    const type = this.#typeOf(expr, scope);
    if (typeof type !== "object" || !("members" in type)) return type;
    const [member] = Object.keys(type.members);
    return this.fault(expr, "this is no value of its own", `name a member of it, such as .${member}`);
  }

  #typeOf(expr: Expr, scope: Scope): Type {
    if (this.#depth === maxDepth) {
      const fault = this.fault(expr, "this is nested too deeply");
      // What comes of not knowing it would hide it.
      this.#silent = true;
      return fault;
    }
    this.#depth += 1;
    const type = this.#typeWithin(expr, scope);
    this.#depth -= 1;
    return type;
  }

  #typeWithin(expr: Expr, scope: Scope): Type {
    const { exprKind: kind } = expr;
    switch (kind.case) {
      case "constExpr":
        return this.#checkConstant(expr, kind.value.constantKind);
      case "identExpr":
        return this.#checkName(expr, kind.value.name, scope);
      case "selectExpr": {
        const operand = this.#typeOf(kind.value.operand as Expr, scope);
        this.names.add(kind.value.field);
        const type = this.#checkMember(expr, operand, kind.value.field);
        return kind.value.testOnly ? "bool" : type;
      }
      case "listExpr": {
        const types = kind.value.elements.map((element) => this.check(element, scope));
        const [first = "dyn"] = types;
        return { list: types.every((type) => isSame(type, first)) ? first : "dyn" };
      }
      case "structExpr":
        if (kind.value.messageName !== "") return this.fault(expr, "messages cannot be made here");
        for (const { keyKind, value } of kind.value.entries) {
          if (keyKind.case === "mapKey") this.check(keyKind.value, scope);
          this.check(value as Expr, scope);
        }
        return anyMap;
      case "comprehensionExpr":
        return this.#checkMacro(expr, scope);
      case "callExpr":
        return this.#checkCall(expr, scope);
      default:
        return this.fault(expr, "this cannot be read");
    }
  }

  #checkConstant(expr: Expr, { case: kind, value }: Constant["constantKind"]): Type {
    // As an index or with `in`, text names a member too.
    if (kind === "stringValue") this.names.add(value);
    // Tokens and arguments are read as doubles: none of their numbers would ever be this one.
    if ((kind === "int64Value" || kind === "uint64Value") && BigInt(Number(value)) !== value) {
      return this.fault(expr, "no number of a token or of arguments is as exact as this one", "compare it as text");
    }
    return constantTypes[kind ?? "nullValue"];
  }

  #checkName(expr: Expr, name: string, scope: Scope): Type {
    const local = scope.get(name);
    if (local !== undefined) return local;
    if (Object.hasOwn(variables, name)) return this.#use(variables[name] as Type | Fact);
    if (typeNames.has(name)) return "type";
    return this.fault(expr, `there is nothing called ${quote(name)}`, hintForName(name, Object.keys(variables)));
  }

  #use(entry: Type | Fact): Type {
    if (typeof entry !== "object" || !("fact" in entry)) return entry;
    this.reads |= factBits[entry.fact];
    return entry.type;
  }

  #checkMember(expr: Expr, operand: Type, field: string): Type {
    if (operand === "dyn") return "dyn";
    if (typeof operand === "object" && "map" in operand) return operand.map;
    if (typeof operand === "object" && "members" in operand) {
      if (Object.hasOwn(operand.members, field)) return this.#use(operand.members[field] as Type | Fact);
      const known = Object.keys(operand.members);
      return this.fault(expr, `there is no member ${quote(field)}`, hintForName(field, known));
    }
    return this.fault(expr, `${nameOf(operand)} has no members`, hintForFunction(field));
  }

  #checkMacro(expr: Expr, scope: Scope): Type {
    const { exprKind } = expr;
    if (exprKind.case !== "comprehensionExpr") return "dyn";
    const { iterRange, iterVar, accuVar, accuInit, loopCondition, loopStep, result } = exprKind.value;
    const range = this.check(iterRange as Expr, scope);
    const element = elementOf(range);
    if (isMap(range)) this.maps.add(iterRange as Expr);
    if (element === undefined) return this.fault(iterRange as Expr, `${nameOf(range)} cannot be walked over`);
    const start = this.check(accuInit as Expr, scope);
    // A list that is built begins empty, which says nothing of its elements.
    const sum: Type = typeof start === "object" ? { list: "dyn" } : start;
    const inner = new Map([...scope, [iterVar, element], [accuVar, sum]]);
    this.check(loopCondition as Expr, inner);
    this.check(loopStep as Expr, inner);
    return this.check(result as Expr, inner);
  }

  #checkCall(expr: Expr, scope: Scope): Type {
    const { exprKind } = expr;
    if (exprKind.case !== "callExpr") return "dyn";
    const { function: name, target, args } = exprKind.value;
    const operands = target === undefined ? args : [target, ...args];
    const types = operands.map((operand) => this.check(operand, scope));
    if (name === "_?_:_") return this.#checkChoice(operands, types);
    if (name === "_==_" || name === "_!=_") return this.#checkEquality(expr, types);
    if (name === "_[_]") {
      this.#noteKey(operands[1], types[1]);
      return this.#checkIndex(expr, types);
    }
    const known = functions.get(name);
    const shown = operatorNames.get(name) ?? name;
    if (known === undefined || (known.method !== (target !== undefined) && known.method !== "both")) {
      return this.fault(expr, `there is no function ${quote(shown)}`, hintForFunction(shown));
    }
    if (name === "matches") this.#checkPattern(operands[1]);
    if (name === "inCidr") this.#checkBlock(operands[1]);
    if (name === "@in" && isMap(types[1])) {
      this.maps.add(operands[1] as Expr);
      this.#noteKey(operands[0], types[0]);
    }
    const fitting = known.overloads.find(({ params }) => fits(params, types));
    if (fitting === undefined)
      return this.fault(expr, `${quote(shown)} does not take ${types.map(nameOf).join(" and ")}`);
    if (arithmetic.has(name) && types.includes("dyn") && types.includes("int")) {
      const whole = name === "_%_" ? "int(…)" : "1.0 instead of 1, or int(…)";
      return this.fault(expr, "numbers of tokens and arguments are doubles", `write ${whole}`);
    }
    return types.includes("dyn") && known.overloads.length > 1 ? known.common : fitting.result;
  }

  #checkChoice(operands: readonly Expr[], [test, one, other]: readonly Type[]): Type {
    if (test !== "bool" && test !== "dyn")
      this.fault(operands[0] as Expr, `this is ${nameOf(test ?? "dyn")}, not true or false`);
    return one !== undefined && other !== undefined && isSame(one, other) ? one : "dyn";
  }

  #noteKey(key: Expr | undefined, type: Type = "dyn"): void {
    if ((type === "string" || type === "dyn") && textOf(key) === undefined) this.anyName = true;
  }

  /** Of different types nothing is ever equal, so a comparison of them is a mistake. */
  #checkEquality(expr: Expr, [one = "dyn", other = "dyn"]: readonly Type[]): Type {
    if (one !== "null" && other !== "null" && !isComparable(one, other)) {
      this.fault(expr, `${nameOf(one)} and ${nameOf(other)} are never equal`);
    }
    return "bool";
  }

  #checkIndex(expr: Expr, [operand = "dyn", index = "dyn"]: readonly Type[]): Type {
    if (operand === "dyn") return "dyn";
    if (typeof operand === "object" && "map" in operand) return operand.map;
    if (typeof operand === "object" && "list" in operand) {
      if (index !== "int" && index !== "dyn")
        this.fault(expr, `a list is indexed by whole numbers, not ${nameOf(index)}`);
      return operand.list;
    }
    return this.fault(expr, `${nameOf(operand)} has no elements`);
  }

  /** One that is mistyped would fail in every call. */
  #checkBlock(block: Expr | undefined): void {
    if (block === undefined) return;
    const { exprKind } = block;
    const constant = exprKind.case === "constExpr" ? exprKind.value.constantKind : undefined;
    if (constant?.case !== "stringValue") this.fault(block, "the block of inCidr must stand here as text");
    else if (readCidr(constant.value) === undefined) this.fault(block, noBlock);
  }

  /** One that callers could write could also be made to cost what they like. */
  #checkPattern(pattern: Expr | undefined): void {
    if (pattern === undefined) return;
    const { exprKind } = pattern;
    const constant = exprKind.case === "constExpr" ? exprKind.value.constantKind : undefined;
    if (constant?.case !== "stringValue") {
      this.fault(pattern, "the pattern of matches must stand here as text");
      return;
    }
    try {
      compilePattern(constant.value);
    } catch (error) {
      this.fault(pattern, error instanceof Error ? error.message : String(error));
    }
  }
}

function isMap(type: Type | undefined): boolean {
  return typeof type === "object" && "map" in type;
}

const noBlock = "no block of addresses such as 10.0.0.0/8 or ::1/128, with no bits set after the prefix";

const constantTypes = {
  nullValue: "null",
  boolValue: "bool",
  int64Value: "int",
  uint64Value: "uint",
  doubleValue: "double",
  stringValue: "string",
  bytesValue: "bytes",
  durationValue: "duration",
  timestampValue: "timestamp",
} as const;

const typeNames = new Set(["bool", "int", "uint", "double", "string", "bytes", "list", "map", "null_type", "type"]);

function quote(name: string): string {
  return JSON.stringify(name);
}
