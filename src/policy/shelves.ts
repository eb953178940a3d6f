/** Rules, put where they are found: by kind of thing, by what it takes to judge by them, and by name where they give one. */
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

/**
 * The patterns of one kind, by what it takes to judge by their rules: plain ones, then those with conditions, then those that
 * count. The first that allows is the one that is named, so nothing is evaluated, and nothing counted, where a plain rule says
 * enough.
 */
type Shelf = readonly Tier[];

/** Literals are looked up, so that a thousand of them cost what one costs. */
interface Tier {
  readonly literals: ReadonlyMap<string, readonly CompiledRule[]>;
  readonly globs: readonly Entry[];
  /** Both, one by one, as resource templates are compared with them. */
  readonly every: readonly Entry[];
}

interface Entry {
  readonly glob: Glob;
  readonly rule: CompiledRule;
}

type NamedTarget = Exclude<Target, { kind: "server" }>;

/** Templates are of resources, and rules name those. */
export function shelfOf({ kind }: NamedTarget): TargetKind {
  return kind === "template" ? "resource" : kind;
}

/** Hears the rules that fit, one after the other. */
export interface Hearing {
  /** Whether no further rule needs to be heard. */
  hear(rule: CompiledRule): boolean;
}

/** Has every rule heard whose pattern fits, in the order of precedence, until one is enough. */
export function search(
  shelf: Shelf,
  { kind, name }: NamedTarget,
  fitsTemplate: (glob: Glob, template: string) => boolean,
  hearing: Hearing,
): boolean {
  for (const { literals, globs, every } of shelf) {
    if (kind === "template") {
      for (const { glob, rule } of every) if (fitsTemplate(glob, name) && hearing.hear(rule)) return true;
      continue;
    }
    for (const rule of literals.get(name) ?? []) if (hearing.hear(rule)) return true;
    for (const { glob, rule } of globs) if (glob.matches(name) && hearing.hear(rule)) return true;
  }
  return false;
}

/** How much it takes to judge by a rule; the least is asked first. */
export function rankOf(rule: CompiledRule): 0 | 1 | 2 {
  if (rule.limit !== null) return 2;
  return isPlain(rule) ? 0 : 1;
}

/** Whether nothing but its patterns and a deny stands between the rule and its effect. */
export function isPlain({ condition, period, hours, require, limit }: CompiledRule): boolean {
  return condition === null && period === always && hours === null && require === null && limit === null;
}

/** @param ordered by {@link rankOf}, then by their order in the files */
export function arrange(ordered: readonly CompiledRule[]): Ruleset {
  const grants = ordered.filter(({ effect }) => effect === "allow");
  const denials = ordered.filter(({ effect }) => effect === "deny");
  return { allow: shelve(grants), deny: shelve(denials), grants, denials };
}

function shelve(rules: readonly CompiledRule[]): Shelves {
  const shelf = (kind: TargetKind) =>
    [0, 1, 2].map((rank) =>
      fillTier(
        rules.filter((rule) => rankOf(rule) === rank),
        kind,
      ),
    );
  return { tool: shelf("tool"), prompt: shelf("prompt"), resource: shelf("resource") };
}

function fillTier(rules: readonly CompiledRule[], kind: TargetKind): Tier {
  const literals = new Map<string, CompiledRule[]>();
  const every = rules.flatMap((rule) => rule.patterns[kind].map((glob): Entry => ({ glob, rule })));
  for (const { glob, rule } of every) {
    if (!glob.literal) continue;
    const same = literals.get(glob.pattern) ?? [];
    literals.set(glob.pattern, same);
    if (!same.includes(rule)) same.push(rule);
  }
  return { literals, globs: every.filter(({ glob }) => !glob.literal), every: kind === "resource" ? every : [] };
}
