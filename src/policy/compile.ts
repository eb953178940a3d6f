import { compileGlob, type Glob } from "../mcp/glob.ts";
import type { PolicySource } from "./load.ts";
import { rulesOf } from "./references.ts";
import type { Binding, Rule } from "./schema.ts";

/** Kinds of things that rules name. */
export type TargetKind = "tool" | "prompt" | "resource";

/** A rule, ready to be judged by. */
export interface CompiledRule {
  /** Its id, or its place such as `reader.allow[0]`. */
  readonly name: string;
  /** `file:line` where it stands. */
  readonly policy: string;
  /** Place among all rules: file by file, then down the lines. */
  readonly order: number;
  readonly effect: "allow" | "deny";
  /** Configured servers it is about. */
  readonly servers: ReadonlySet<string>;
  readonly patterns: Readonly<Record<TargetKind, readonly Glob[]>>;
}

/** Who has which rules. A selector that is undefined lets everyone through. */
export interface CompiledBinding {
  readonly groups: ReadonlySet<string> | undefined;
  readonly subjects: ReadonlySet<string> | undefined;
  readonly issuers: ReadonlySet<string> | undefined;
  readonly clients: ReadonlySet<string> | undefined;
  /** Own and inherited rules of all its roles. */
  readonly rules: ReadonlySet<CompiledRule>;
}

/** Every policy file as one thing that decides. */
export interface Program {
  readonly bindings: readonly CompiledBinding[];
  readonly rules: readonly CompiledRule[];
  readonly files: readonly string[];
  readonly roles: readonly string[];
}

/**
 * Compiles policies that were checked (`checkReferences`). Nothing depends on the order of the sources.
 *
 * @param serverNames the configured servers, which server patterns are matched against once
 * @throws Error when a role is missing or defined twice: going on could lose a deny
 */
export function compilePolicy(sources: readonly PolicySource[], serverNames: readonly string[]): Program {
  const sorted = sources.toSorted((a, b) => (a.file < b.file ? -1 : 1));
  const rules: CompiledRule[] = [];
  const ownRules = new Map<string, CompiledRule[]>();
  const parents = new Map<string, readonly string[]>();
  for (const source of sorted) {
    for (const [role, { inherits }] of Object.entries(source.policy.roles)) {
      if (parents.has(role)) throw new Error("a role is defined twice");
      parents.set(role, inherits);
      ownRules.set(role, []);
    }
    for (const { role, effect, rule, path } of rulesOf(source)) {
      const name = rule.id ?? `${role}.${effect}[${path.at(-1)}]`;
      const policy = `${source.file}:${source.lineOf(path)}`;
      const compiled = { name, policy, order: rules.length, effect, ...compileRule(rule, serverNames) };
      rules.push(compiled);
      ownRules.get(role)?.push(compiled);
    }
  }
  const rulesOfBinding = ({ roles }: Binding) =>
    new Set([...inherit(roles, parents)].flatMap((role) => ownRules.get(role) ?? []));
  const bindings = sorted.flatMap(({ policy }) =>
    policy.bindings.map((binding) => ({ ...compileSelectors(binding), rules: rulesOfBinding(binding) })),
  );
  return { bindings, rules, files: sorted.map(({ file }) => file), roles: [...parents.keys()] };
}

function compileRule(rule: Rule, serverNames: readonly string[]): Pick<CompiledRule, "servers" | "patterns"> {
  const server = compileGlob(rule.server);
  return {
    servers: new Set(serverNames.filter((name) => server.matches(name))),
    patterns: {
      tool: (rule.tools ?? []).map(compileGlob),
      prompt: (rule.prompts ?? []).map(compileGlob),
      resource: (rule.resources ?? []).map(compileGlob),
    },
  };
}

function compileSelectors({ groups, subjects, issuers, clients }: Binding): Omit<CompiledBinding, "rules"> {
  const set = (values: readonly string[] | undefined) => (values === undefined ? undefined : new Set(values));
  return { groups: set(groups), subjects: set(subjects), issuers: set(issuers), clients: set(clients) };
}

/** The roles themselves and every role they inherit from. */
function inherit(roles: readonly string[], parents: ReadonlyMap<string, readonly string[]>): Set<string> {
  const all = new Set<string>();
  const pending = [...roles];
  for (let role = pending.pop(); role !== undefined; role = pending.pop()) {
    if (all.has(role)) continue;
    const inherited = parents.get(role);
    if (inherited === undefined) throw new Error("a policy refers to a role that does not exist");
    all.add(role);
    pending.push(...inherited);
  }
  return all;
}
