/** Rules that hold together, put where they are found: by effect, and by the kind of thing they are about. */
import type { Glob } from "../mcp/glob.ts";
import type { Target } from "../mcp/methods.ts";
import { always } from "./clock.ts";
import type { CompiledRule, TargetKind } from "./compile.ts";

/** Rules that hold together. */
export interface Ruleset {
  readonly allow: Shelves;
  readonly deny: Shelves;
  /** Every allow rule, and every deny, the plainest first. */
  readonly grants: readonly CompiledRule[];
  readonly denials: readonly CompiledRule[];
}

type Shelves = Readonly<Record<TargetKind, Shelf>>;

/** Names whose rules are remembered; callers choose names, so what they can fill is bounded. */
const maxNames = 512;
const maxNameLength = 256;

/** A pattern and the rule that it is of. */
interface Entry {
  readonly glob: Glob;
  readonly rule: CompiledRule;
}

/** Rules of one effect about one kind of things, in the order in which they are heard. */
export class Shelf {
  readonly #entries: readonly Entry[];
  /** The same names are asked for again and again, and a thousand patterns take longer than all the rest of a decision. */
  readonly #found = new Map<string, readonly CompiledRule[]>();

  constructor(rules: readonly CompiledRule[], kind: TargetKind) {
    this.#entries = rules.flatMap((rule) => rule.patterns[kind].map((glob) => ({ glob, rule })));
  }

  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  /** The rules whose pattern fits a name. Of those that take the same to judge by, one that gives the name itself comes first. */
  fitting(name: string): readonly CompiledRule[] {
    const known = this.#found.get(name);
    if (known !== undefined) return known;
    const precedence = ({ glob, rule }: Entry) => rankOf(rule) * 2 + (glob.literal ? 0 : 1);
    const entries = this.#entries.filter(({ glob }) => glob.matches(name));
    const found = rulesOf(entries.sort((a, b) => precedence(a) - precedence(b)));
    if (name.length > maxNameLength) return found;
    if (this.#found.size >= maxNames) this.#found.clear();
    this.#found.set(name, found);
    return found;
  }

  /** The rules whose pattern fits a resource template, which is asked for seldom. */
  fittingTemplate(template: string, fits: (glob: Glob, template: string) => boolean): readonly CompiledRule[] {
    return rulesOf(this.#entries.filter(({ glob }) => fits(glob, template)));
  }
}

/** Each rule once, where its first pattern stands. */
function rulesOf(entries: readonly Entry[]): readonly CompiledRule[] {
  return [...new Set(entries.map(({ rule }) => rule))];
}

/** The rules to be heard about a target. */
export function rulesFor(
  shelves: Shelves,
  { kind, name }: Exclude<Target, { kind: "server" }>,
  fitsTemplate: (glob: Glob, template: string) => boolean,
): readonly CompiledRule[] {
  return kind === "template" ? shelves.resource.fittingTemplate(name, fitsTemplate) : shelves[kind].fitting(name);
}

/**
 * Plain rules come first, then those with conditions, then those that count. The first that allows is the one that is named, so
 * nothing is evaluated, and nothing counted, where a plain rule says enough.
 */
function rankOf(rule: CompiledRule): 0 | 1 | 2 {
  if (rule.limit !== null) return 2;
  return isPlain(rule) ? 0 : 1;
}

/** Whether nothing but its patterns and a deny stands between the rule and its effect. */
export function isPlain({ condition, period, hours, require, limit }: CompiledRule): boolean {
  return condition === null && period === always && hours === null && require === null && limit === null;
}

/** Arranges rules in the order in which they are heard: the plainest first, then as they stand in the files. */
export function arrange(rules: Iterable<CompiledRule>): Ruleset {
  const ordered = [...rules].sort((a, b) => rankOf(a) - rankOf(b) || a.order - b.order);
  const grants = ordered.filter(({ effect }) => effect === "allow");
  const denials = ordered.filter(({ effect }) => effect === "deny");
  return { allow: shelve(grants), deny: shelve(denials), grants, denials };
}

function shelve(rules: readonly CompiledRule[]): Shelves {
  return { tool: new Shelf(rules, "tool"), prompt: new Shelf(rules, "prompt"), resource: new Shelf(rules, "resource") };
}
