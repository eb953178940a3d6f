/** Roles that nobody has, bindings that give nothing or hold for nobody, and bindings that give everything to everyone. */
import type { CompiledRule, Program } from "../compile.ts";
import type { PolicySource } from "../load.ts";
import type { Role } from "../schema.ts";
import { findingAt, type Lint } from "./finding.ts";
import type { Inventory, WrittenBinding, WrittenRule } from "./inventory.ts";

export function findMisgiven(inventory: Inventory): Lint[] {
  const { sources, bindings, rules, program } = inventory;
  const roles = new Map(sources.flatMap(({ policy }) => Object.entries(policy.roles)));
  return [
    ...findUnused(sources, roles),
    ...bindings.flatMap((binding) => [
      ...findEmpty(binding, roles),
      ...findUnprovable(binding),
      ...findBroad(binding, program),
    ]),
    ...rules.flatMap(findUnmeetable),
  ];
}

type Roles = ReadonlyMap<string, Role>;

function findUnused(sources: readonly PolicySource[], roles: Roles): Lint[] {
  const used = inherit(
    sources.flatMap(({ policy }) => policy.bindings.flatMap((binding) => binding.roles)),
    roles,
  );
  return sources.flatMap((source) =>
    Object.keys(source.policy.roles)
      .filter((role) => !used.has(role))
      .map((role) => {
        const message = "nobody has this role: no binding gives it, nor a role that inherits from it";
        return findingAt(source, ["roles", role], "role_unused", message);
      }),
  );
}

function findEmpty({ binding, source, path }: WrittenBinding, roles: Roles): Lint[] {
  return binding.roles.flatMap((role, index) => {
    const reached = [...inherit([role], roles)].map((name) => roles.get(name));
    if (reached.some((each) => each !== undefined && each.allow.length + each.deny.length > 0)) return [];
    const message = `the role "${role}" has no rules, so this gives nothing`;
    return [findingAt(source, [...path, "roles", index], "binding_gives_nothing", message)];
  });
}

function findUnprovable({ binding, source, path }: WrittenBinding): Lint[] {
  if (binding.certificates === undefined) return [];
  const message = "client certificates cannot be shown to the gateway yet: the binding holds for nobody";
  return [findingAt(source, [...path, "certificates"], "proof_impossible", message)];
}

function findUnmeetable({ rule, source, path }: WrittenRule): Lint[] {
  if (rule.text.require?.certificate !== true) return [];
  const message = "client certificates cannot be shown to the gateway yet: nobody can meet this";
  return [findingAt(source, [...path, "require", "certificate"], "proof_impossible", message, { at: "key" })];
}

/** The roles and all that they inherit from. */
function inherit(names: readonly string[], roles: Roles): ReadonlySet<string> {
  const reached = new Set(names);
  // A set that grows while it is walked is walked to its end.
  for (const name of reached) for (const parent of roles.get(name)?.inherits ?? []) reached.add(parent);
  return reached;
}

function findBroad({ binding, source, path }: WrittenBinding, program: Program): Lint[] {
  const { groups, subjects, clients, apiKeys, certificates, claims, rules } = binding;
  const narrow = [groups, subjects, clients, apiKeys, certificates].some((list) => list !== undefined);
  if (narrow || claims.length > 0) return [];
  const broad = rules.find((rule) => allowsEverything(rule, program));
  if (broad === undefined) return [];
  const what = broad.patterns.tool.some(isEverything) ? "use every tool" : "read every resource";
  const message = `everyone whose token comes from there may ${what} of every server, by ${broad.name} (${broad.policy})`;
  return [findingAt(source, path, "grants_everything", message, { hint: "add groups or subjects" })];
}

function allowsEverything(rule: CompiledRule, { servers }: Program): boolean {
  const { effect, shadow, condition, require, patterns } = rule;
  if (effect === "deny" || shadow || condition !== null || require !== null) return false;
  const all = [...patterns.tool, ...patterns.resource].some(isEverything);
  return all && servers.every((server) => rule.servers.has(server));
}

function isEverything({ pattern }: { readonly pattern: string }): boolean {
  return /^\*+$/.test(pattern);
}
