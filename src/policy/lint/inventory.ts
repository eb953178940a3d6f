import type { Path } from "../../config/diagnose.ts";
import { type GlobShape, shapeOf } from "../../mcp/glob.ts";
import type { Period } from "../clock.ts";
import type { CompiledBinding, CompiledRule, Program, TargetKind } from "../compile.ts";
import type { PolicySource } from "../load.ts";
import { rulesOf } from "../references.ts";

/** A rule with the place where it is written, and who is given it. */
export interface WrittenRule {
  readonly rule: CompiledRule;
  readonly source: PolicySource;
  readonly path: Path;
  readonly shapes: Readonly<Record<TargetKind, readonly GlobShape[]>>;
  /** The rule as each binding gives it, by the binding's place in the program. */
  readonly given: ReadonlyMap<number, CompiledRule>;
  /** The same for rules that the same bindings give for the same time. */
  readonly givenLike: number;
}

/** A binding with the place where it is written. */
export interface WrittenBinding {
  readonly binding: CompiledBinding;
  readonly source: PolicySource;
  readonly path: Path;
  /** Places of the bindings that hold for everyone for whom this one holds; its own among them. */
  readonly implied: readonly number[];
}

/** Sound policies as lint looks at them. */
export interface Inventory {
  readonly sources: readonly PolicySource[];
  readonly program: Program;
  readonly rules: readonly WrittenRule[];
  readonly bindings: readonly WrittenBinding[];
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
}

/** The three kinds of things that rules name, and the keys they are named by. */
export const kindKeys = [
  ["tool", "tools"],
  ["prompt", "prompts"],
  ["resource", "resources"],
] as const;

/**
 * @param sources that the program was compiled from
 * @param nowMs milliseconds since the epoch
 */
export function takeInventory(sources: readonly PolicySource[], program: Program, nowMs: number): Inventory {
  // The program counts rules and bindings in this order.
  const sorted = sources.toSorted((a, b) => (a.file < b.file ? -1 : 1));
  const places = sorted.flatMap((source) => [...rulesOf(source)].map(({ path }) => ({ source, path })));
  const given = places.map(() => new Map<number, CompiledRule>());
  program.bindings.forEach(({ rules }, index) => {
    for (const rule of rules) given[rule.order]?.set(index, rule);
  });
  const ways = new Map<string, number>();
  const numberOf = (each: ReadonlyMap<number, CompiledRule>) => {
    const way = JSON.stringify([...each].map(([at, { period, shadow }]) => [at, renderPeriod(period), shadow]));
    const number = ways.get(way) ?? ways.size;
    ways.set(way, number);
    return number;
  };
  const rules = program.rules.map((rule, index) => ({
    rule,
    ...(places[index] as (typeof places)[number]),
    shapes: {
      tool: rule.patterns.tool.map(shapeOf),
      prompt: rule.patterns.prompt.map(shapeOf),
      resource: rule.patterns.resource.map(shapeOf),
    },
    given: given[index] ?? new Map(),
    givenLike: numberOf(given[index] ?? new Map()),
  }));
  const bindings = sorted
    .flatMap((source) => source.policy.bindings.map((_, index) => ({ source, path: ["bindings", index] })))
    .map((place, index) => {
      const binding = program.bindings[index] as CompiledBinding;
      const implied = [...program.bindings.keys()].filter((other) => implies(binding, program.bindings[other]));
      return { binding, ...place, implied };
    });
  return { sources: sorted, program, rules, bindings, nowMs };
}

/** JSON knows no infinity. */
function renderPeriod({ fromMs, untilMs }: Period): string {
  return `${fromMs} ${untilMs}`;
}

const lists = ["groups", "subjects", "issuers", "clients", "apiKeys", "certificates"] as const;

/** Whether everyone for whom the one binding holds has the other as well, periods aside. A yes is certain. */
function implies(one: CompiledBinding, other: CompiledBinding | undefined): boolean {
  if (other === undefined) return false;
  const claims = new Map(one.claims);
  return (
    lists.every((list) => other[list] === undefined || isWithin(one[list], other[list])) &&
    other.claims.every(([claim, values]) => isWithin(claims.get(claim), values))
  );
}

function isWithin(values: ReadonlySet<unknown> | undefined, all: ReadonlySet<unknown>): boolean {
  return values?.isSubsetOf(all) === true;
}
