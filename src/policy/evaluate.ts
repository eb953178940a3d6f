import { type Glob, globCoversTemplate, globOverlapsTemplate } from "../mcp/glob.ts";
import type { Target } from "../mcp/methods.ts";
import type { CompiledBinding, CompiledRule, Program, TargetKind } from "./compile.ts";

/** What bindings look at. */
export interface PolicySubject {
  /** The issuer's name in the configuration. */
  readonly issuer: string;
  readonly subject: string;
  readonly client: string | null;
  readonly groups: readonly string[];
}

/** All rules that hold for one identity on one server. */
export interface View {
  readonly allow: Shelves;
  readonly deny: Shelves;
  /** The first allow rule there is: what lets the identity speak to the server at all. */
  readonly grant: CompiledRule | undefined;
}

type Shelves = Readonly<Record<TargetKind, Shelf>>;

/** The patterns of one kind: literals are looked up, so that a thousand of them cost what one costs. */
interface Shelf {
  readonly literals: ReadonlyMap<string, Entry>;
  readonly globs: readonly Entry[];
}

interface Entry {
  readonly glob: Glob;
  readonly rule: CompiledRule;
}

/** What policy says about a target, and which rule says so. */
export interface Verdict {
  readonly effect: "allow" | "deny";
  readonly rule: string | null;
  /** `file:line` of the rule. */
  readonly policy: string | null;
  readonly reason: "allowed" | "denied_by_rule" | "no_rule";
}

/** Collects the rules that hold for an identity on a server. The same identity always has the same view. */
export function viewOf(program: Program, identity: PolicySubject, server: string): View {
  const held = new Set<CompiledRule>();
  for (const binding of program.bindings) {
    if (!binds(binding, identity)) continue;
    for (const rule of binding.rules) if (rule.servers.has(server)) held.add(rule);
  }
  const ordered = [...held].sort((a, b) => a.order - b.order);
  const allowing = ordered.filter(({ effect }) => effect === "allow");
  const denying = ordered.filter(({ effect }) => effect === "deny");
  return { allow: shelve(allowing), deny: shelve(denying), grant: allowing[0] };
}

/**
 * Judges one thing. Default deny; a deny beats every allow, whatever the order of rules and files. One judgement serves
 * calls and lists, so that what is listed can be called.
 *
 * A resource template is visible when an allow may match some expansion of it and no single deny matches all of them.
 */
export function judge(view: View, target: Target): Verdict {
  if (target.kind === "server") return view.grant === undefined ? noRule : verdict("allow", view.grant);
  const denied =
    target.kind === "template" ? findCover(view.deny, target.name) : find(view.deny[target.kind], target.name);
  if (denied !== undefined) return verdict("deny", denied);
  const allowed =
    target.kind === "template" ? findOverlap(view.allow, target.name) : find(view.allow[target.kind], target.name);
  return allowed === undefined ? noRule : verdict("allow", allowed);
}

/** Whether the identity may see anything of a kind. */
export function seesAny({ allow }: View, kind: TargetKind): boolean {
  const { literals, globs } = allow[kind];
  return literals.size > 0 || globs.length > 0;
}

/** Whether two views can show different things of a kind: whether their patterns differ, as far as that can be told. */
export function differs(one: View, other: View, kind: TargetKind): boolean {
  return one !== other && renderPatterns(one, kind) !== renderPatterns(other, kind);
}

function renderPatterns({ allow, deny }: View, kind: TargetKind): string {
  const patterns = ({ literals, globs }: Shelf) =>
    [...literals.keys(), ...globs.map(({ glob }) => glob.pattern)].sort();
  return JSON.stringify([patterns(allow[kind]), patterns(deny[kind])]);
}

/** Whether there is nothing of a kind that the identity may not see. */
export function seesAll({ allow, deny }: View, kind: TargetKind | "template"): boolean {
  const named = kind === "template" ? "resource" : kind;
  const { literals, globs } = deny[named];
  return literals.size === 0 && globs.length === 0 && allow[named].globs.some(({ glob }) => glob.pattern === "*");
}

const noRule: Verdict = { effect: "deny", rule: null, policy: null, reason: "no_rule" };

function verdict(effect: "allow" | "deny", { name, policy }: CompiledRule): Verdict {
  return { effect, rule: name, policy, reason: effect === "allow" ? "allowed" : "denied_by_rule" };
}

function binds({ groups, subjects, issuers, clients }: CompiledBinding, identity: PolicySubject): boolean {
  return (
    (subjects === undefined || subjects.has(identity.subject)) &&
    (issuers === undefined || issuers.has(identity.issuer)) &&
    (clients === undefined || (identity.client !== null && clients.has(identity.client))) &&
    (groups === undefined || identity.groups.some((group) => groups.has(group)))
  );
}

function shelve(rules: readonly CompiledRule[]): Shelves {
  return { tool: shelf(rules, "tool"), prompt: shelf(rules, "prompt"), resource: shelf(rules, "resource") };
}

function shelf(rules: readonly CompiledRule[], kind: TargetKind): Shelf {
  const literals = new Map<string, Entry>();
  const globs = new Map<string, Entry>();
  for (const rule of rules) {
    for (const glob of rule.patterns[kind]) {
      const entries = glob.literal ? literals : globs;
      if (!entries.has(glob.pattern)) entries.set(glob.pattern, { glob, rule });
    }
  }
  return { literals, globs: [...globs.values()] };
}

function find({ literals, globs }: Shelf, name: string): CompiledRule | undefined {
  return (literals.get(name) ?? globs.find(({ glob }) => glob.matches(name)))?.rule;
}

function findOverlap({ resource }: Shelves, template: string): CompiledRule | undefined {
  for (const entries of [resource.literals.values(), resource.globs]) {
    for (const { glob, rule } of entries) if (globOverlapsTemplate(glob, template)) return rule;
  }
  return undefined;
}

function findCover({ resource }: Shelves, template: string): CompiledRule | undefined {
  for (const entries of [resource.literals.values(), resource.globs]) {
    for (const { glob, rule } of entries) if (globCoversTemplate(glob, template)) return rule;
  }
  return undefined;
}
