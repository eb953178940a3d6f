import { digestContents } from "../config/digest.ts";
import { compileGlob, type Glob } from "../mcp/glob.ts";
import { compileHours, type Hours, intersect, type Period, readPeriod } from "./clock.ts";
import { type Condition, compileCondition } from "./condition/condition.ts";
import type { PolicySource } from "./load.ts";
import { rulesOf } from "./references.ts";
import type { Requirement } from "./require.ts";
import type { Binding, Rule } from "./schema.ts";

/** Kinds of things that rules name. */
export type TargetKind = "tool" | "prompt" | "resource";

/** How often each identity may use what a rule allows. */
export interface RuleLimit {
  readonly requests: number;
  readonly windowMs: number;
  readonly onFailure: "local" | "refuse";
}

/** A rule, ready to be judged by. */
export interface CompiledRule {
  /** Its id, or its place such as `reader.allow[0]`. */
  readonly name: string;
  readonly role: string;
  /** `file:line` where it stands. */
  readonly policy: string;
  /** Place among all rules: file by file, then down the lines. */
  readonly order: number;
  readonly effect: "allow" | "deny";
  /** Configured servers it is about. */
  readonly servers: ReadonlySet<string>;
  readonly patterns: Readonly<Record<TargetKind, readonly Glob[]>>;
  readonly condition: Condition | null;
  /** When it holds; one that came by a binding with a period of its own holds in both. */
  readonly period: Period;
  readonly hours: Hours | null;
  readonly require: Requirement | null;
  readonly limit: RuleLimit | null;
  /** It decides nothing, and is recorded where it would. */
  readonly shadow: boolean;
  /** The rule as it is written. */
  readonly text: Rule;
}

/** Who has which rules. A selector that is undefined lets everyone through. */
export interface CompiledBinding {
  readonly groups: ReadonlySet<string> | undefined;
  readonly subjects: ReadonlySet<string> | undefined;
  readonly issuers: ReadonlySet<string> | undefined;
  readonly clients: ReadonlySet<string> | undefined;
  readonly apiKeys: ReadonlySet<string> | undefined;
  readonly certificates: ReadonlySet<string> | undefined;
  readonly claims: readonly (readonly [claim: string, values: ReadonlySet<unknown>])[];
  /** Own and inherited rules of all its roles. */
  readonly rules: readonly CompiledRule[];
  readonly roles: readonly string[];
  /** `file:line` where it stands. */
  readonly policy: string;
  readonly text: Binding;
}

/** Every policy file as one thing that decides. */
export interface Program {
  /** Hash of what the files say, comments and layout aside. */
  readonly hash: string;
  readonly bindings: readonly CompiledBinding[];
  readonly rules: readonly CompiledRule[];
  readonly files: readonly string[];
  readonly roles: readonly string[];
  readonly servers: readonly string[];
}

interface RoleNode {
  readonly shadow: boolean;
  readonly inherits: readonly string[];
  readonly rules: CompiledRule[];
}

/**
 * Compiles policies that were checked (`checkReferences`, `checkConditions`). Nothing depends on the order of the sources.
 *
 * @param serverNames the configured servers, which server patterns are matched against once
 * @throws Error when a role is missing or defined twice, or a condition cannot be read: going on could lose a deny
 */
export function compilePolicy(sources: readonly PolicySource[], serverNames: readonly string[]): Program {
  const sorted = sources.toSorted((a, b) => (a.file < b.file ? -1 : 1));
  const rules: CompiledRule[] = [];
  const roles = new Map<string, RoleNode>();
  for (const source of sorted) {
    const shadow = source.policy.mode === "shadow";
    for (const [role, { inherits }] of Object.entries(source.policy.roles)) {
      if (roles.has(role)) throw new Error("a role is defined twice");
      roles.set(role, { shadow, inherits, rules: [] });
    }
    for (const { role, effect, rule, path } of rulesOf(source)) {
      const name = rule.id ?? `${role}.${effect}[${path.at(-1)}]`;
      const policy = `${source.file}:${source.lineOf(path)}`;
      const compiled = { name, role, policy, order: rules.length, effect, ...compileRule(rule, shadow, serverNames) };
      rules.push(compiled);
      roles.get(role)?.rules.push(compiled);
    }
  }
  const reached = new Map<string, ReadonlyMap<RoleNode, boolean>>();
  const reach = (names: readonly string[], shadow: boolean) => {
    const key = JSON.stringify([shadow, ...names]);
    const known = reached.get(key) ?? inherit(names, shadow, roles);
    reached.set(key, known);
    return known;
  };
  const bindings = sorted.flatMap((source) =>
    source.policy.bindings.map((binding, index) => ({
      ...compileSelectors(binding),
      rules: rulesOfBinding(binding, reach(binding.roles, source.policy.mode === "shadow")),
      roles: binding.roles,
      policy: `${source.file}:${source.lineOf(["bindings", index])}`,
      text: binding,
    })),
  );
  const files = sorted.map(({ file }) => file);
  const hash = digestContents(sorted.map(({ file, policy }) => [file, policy]));
  return { hash, bindings, rules, files, roles: [...roles.keys()], servers: serverNames };
}

function compileRule(
  rule: Rule,
  shadow: boolean,
  serverNames: readonly string[],
): Omit<CompiledRule, "name" | "role" | "policy" | "order" | "effect"> {
  const server = compileGlob(rule.server);
  return {
    servers: new Set(serverNames.filter((name) => server.matches(name))),
    patterns: {
      tool: (rule.tools ?? []).map(compileGlob),
      prompt: (rule.prompts ?? []).map(compileGlob),
      resource: (rule.resources ?? []).map(compileGlob),
    },
    condition: rule.when === undefined ? null : mustCompile(rule.when),
    period: readPeriod(rule),
    hours: rule.hours === undefined ? null : compileHours(rule.hours),
    require: rule.require ?? null,
    limit:
      rule.limit === undefined
        ? null
        : { requests: rule.limit.requests, windowMs: rule.limit.window, onFailure: rule.limit.onFailure },
    shadow: shadow || rule.mode === "shadow",
    text: rule,
  };
}

function mustCompile(text: string): Condition {
  const condition = compileCondition(text);
  if ("outcomes" in condition) return condition;
  throw new Error("a condition cannot be read");
}

function compileSelectors(binding: Binding): Omit<CompiledBinding, "rules" | "roles" | "policy" | "text"> {
  const set = (values: readonly string[] | undefined) => (values === undefined ? undefined : new Set(values));
  return {
    groups: set(binding.groups),
    subjects: set(binding.subjects),
    issuers: set(binding.issuers),
    clients: set(binding.clients),
    apiKeys: set(binding.apiKeys),
    certificates: set(binding.certificates),
    claims: Object.entries(binding.claims ?? {}).map(([claim, values]) => [claim, new Set<unknown>(values)] as const),
  };
}

function rulesOfBinding(binding: Binding, reached: ReadonlyMap<RoleNode, boolean>): CompiledRule[] {
  const period = readPeriod(binding);
  return [...reached].flatMap(([{ rules }, inShadow]) => rules.map((rule) => narrow(rule, period, inShadow)));
}

/** The rule as this binding gives it. Most give it as it is, and share it. */
function narrow(rule: CompiledRule, period: Period, shadow: boolean): CompiledRule {
  const common = intersect(rule.period, period);
  const same = common.fromMs === rule.period.fromMs && common.untilMs === rule.period.untilMs;
  if (same && (rule.shadow || !shadow)) return rule;
  // What holds at any time is known by its period being `always` itself.
  return { ...rule, period: same ? rule.period : common, shadow: rule.shadow || shadow };
}

/**
 * The roles themselves and every role they inherit from, and whether each is reached in shadow only: what a file in shadow says
 * about roles of other files must not give anybody anything.
 */
function inherit(
  names: readonly string[],
  shadow: boolean,
  roles: ReadonlyMap<string, RoleNode>,
): ReadonlyMap<RoleNode, boolean> {
  const reached = new Map<RoleNode, boolean>();
  const pending = names.map((name) => ({ name, shadow }));
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const role = roles.get(next.name);
    if (role === undefined) throw new Error("a policy refers to a role that does not exist");
    const inShadow = next.shadow || role.shadow;
    const before = reached.get(role);
    if (before === false || before === inShadow) continue;
    reached.set(role, inShadow);
    for (const name of role.inherits) pending.push({ name, shadow: inShadow });
  }
  return reached;
}
