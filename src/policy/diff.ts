/** What changes from one policy to another, by meaning: who gains, who loses what. Pure. */
import { compileGlob } from "../mcp/glob.ts";
import { type Caller, callersOf, widerKeys } from "./callers.ts";
import type { Program, TargetKind } from "./compile.ts";
import { binds } from "./evaluate.ts";
import type { PolicySubject } from "./facts.ts";
import { covers } from "./fit.ts";
import { grantsOf, type Holding, holdingsOf, includes } from "./holdings.ts";
import { type NamedServers, nothingNamed } from "./servers.ts";

export const changes = [
  "gains",
  "loses",
  "changes",
  "deny added",
  "deny removed",
  "shadow allow added",
  "shadow allow removed",
  "shadow deny added",
  "shadow deny removed",
] as const;

/** What changes about one pattern. */
export interface Change {
  readonly change: (typeof changes)[number];
  readonly server: string;
  readonly kind: TargetKind;
  readonly pattern: string;
  /** Terms under which it was allowed, or denied, and is now; empty where it was not, or is not any more. */
  readonly before: readonly string[];
  readonly after: readonly string[];
  /** `file:line` of a rule that says so: of the new policy, or of the old one for what is gone. */
  readonly policy: string;
}

/** What changes for callers; the same for all of them. */
export interface Difference {
  readonly who: readonly Caller[];
  /** More closely described callers for whom not all of it changes. */
  readonly except: readonly Caller[];
  readonly rolesAdded: readonly string[];
  readonly rolesRemoved: readonly string[];
  readonly changes: readonly Change[];
}

/**
 * Compares two policies. Names of rules and roles, order, layout and files do not count; what a rule grants is compared for each
 * caller that a binding of either describes. What changes for callers in general is not said again for those of whom more is known.
 *
 * @param before compiled for the same servers as `after`
 * @param named servers that stand for all that a pattern means
 * @throws Error where bindings combine too many callers
 */
export function comparePolicies(
  before: Program,
  after: Program,
  { patternOf }: Pick<NamedServers, "patternOf"> = nothingNamed,
): readonly Difference[] {
  const callers = new Map<string, Caller>();
  for (const binding of [...before.bindings, ...after.bindings]) {
    for (const caller of callersOf(binding)) callers.set(caller.key, caller);
  }
  const found = new Map<string, readonly Change[]>();
  for (const { key, subject } of callers.values()) {
    found.set(key, joinServers(compareFor(subject, before, after), patternOf));
  }
  const exceptions = findExceptions(callers, found);
  const groups = new Map<string, Difference & { who: Caller[] }>();
  for (const caller of callers.values()) {
    const said = new Set(widerKeys(caller).flatMap((wider) => (found.get(wider) ?? []).map(nameChange)));
    const own = (found.get(caller.key) ?? []).filter((change) => !said.has(nameChange(change)));
    if (own.length === 0) continue;
    const except = exceptions.get(caller.key) ?? [];
    const roles = compareRoles(caller.subject, before, after);
    const shape = caller.facts.map(({ selector, claim }) => [selector, claim]);
    const key = JSON.stringify([shape, roles, own.map(nameChange), except.map(({ facts }) => facts)]);
    const same = groups.get(key);
    if (same === undefined) groups.set(key, { who: [caller], except, ...roles, changes: own });
    else same.who.push(caller);
  }
  return [...groups.values()];
}

/** Says once of a pattern what changes for every server that it means. */
function joinServers(found: readonly Change[], patternOf: ReadonlyMap<string, string>): readonly Change[] {
  const general = found.flatMap((change) => {
    const pattern = patternOf.get(change.server);
    return pattern === undefined
      ? []
      : [{ name: change.server, glob: compileGlob(pattern), same: nameChange({ ...change, server: "" }) }];
  });
  return found
    .filter((change) => {
      const same = nameChange({ ...change, server: "" });
      return !general.some(
        (each) => each.name !== change.server && each.same === same && each.glob.matches(change.server),
      );
    })
    .map((change) => ({ ...change, server: patternOf.get(change.server) ?? change.server }));
}

function nameChange({ change, server, kind, pattern, before, after }: Change): string {
  return JSON.stringify([change, server, kind, pattern, before, after]);
}

/** For whom not everything changes that does for callers in general. */
function findExceptions(
  callers: ReadonlyMap<string, Caller>,
  found: ReadonlyMap<string, readonly Change[]>,
): ReadonlyMap<string, Caller[]> {
  const exceptions = new Map<string, Caller[]>();
  for (const caller of callers.values()) {
    const own = new Set(found.get(caller.key)?.map(nameChange));
    for (const wider of widerKeys(caller)) {
      if (found.get(wider)?.every((change) => own.has(nameChange(change))) !== false) continue;
      exceptions.set(wider, [...(exceptions.get(wider) ?? []), caller]);
    }
  }
  return exceptions;
}

function compareRoles(subject: PolicySubject, before: Program, after: Program) {
  const rolesOf = ({ bindings }: Program) =>
    new Set(bindings.filter((binding) => binds(binding, subject)).flatMap(({ roles }) => roles));
  const [old, now] = [rolesOf(before), rolesOf(after)];
  return { rolesAdded: [...now.difference(old)].sort(), rolesRemoved: [...old.difference(now)].sort() };
}

function compareFor(subject: PolicySubject, before: Program, after: Program): readonly Change[] {
  const [old, now] = [holdingsOf(before, subject), holdingsOf(after, subject)];
  const keys = new Set(old.map(({ key }) => key));
  if (old.length === now.length && now.every(({ key }) => keys.has(key))) return [];
  const of = (effect: Holding["effect"], shadow: boolean) => (holding: Holding) =>
    holding.effect === effect && holding.shadow === shadow;
  const compared = [
    ...compareGrants(grantsOf(old), grantsOf(now)),
    ...compareRest("deny", old.filter(of("deny", false)), now.filter(of("deny", false))),
    ...compareRest("shadow allow", old.filter(of("allow", true)), now.filter(of("allow", true))),
    ...compareRest("shadow deny", old.filter(of("deny", true)), now.filter(of("deny", true))),
  ];
  return compared.sort(
    (a, b) =>
      changes.indexOf(a.change) - changes.indexOf(b.change) ||
      compareTexts(`${a.server} ${a.kind} ${a.pattern}`, `${b.server} ${b.kind} ${b.pattern}`),
  );
}

function compareTexts(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}

function compareGrants(old: readonly Holding[], now: readonly Holding[]): Change[] {
  const gained = findNew(old, now);
  const lost = findNew(now, old);
  const of = ({ server, kind, pattern }: Holding) => JSON.stringify([server, kind, pattern]);
  const patterns = new Map([...lost, ...gained].map((holding) => [of(holding), holding]));
  const [gains, loses] = [new Set(gained.map(of)), new Set(lost.map(of))];
  return [...patterns].map(([key, { server, kind, pattern, rule }]) => {
    const change = !loses.has(key) ? "gains" : gains.has(key) ? "changes" : "loses";
    const before = termsFor(old, server, kind, pattern);
    const after = termsFor(now, server, kind, pattern);
    return { change, server, kind, pattern, before, after, policy: rule.policy } as const;
  });
}

function compareRest(
  name: "deny" | "shadow allow" | "shadow deny",
  old: readonly Holding[],
  now: readonly Holding[],
): Change[] {
  const describe = (change: Change["change"], { server, kind, pattern, rule }: Holding): Change => {
    const before = termsFor(old, server, kind, pattern);
    return { change, server, kind, pattern, before, after: termsFor(now, server, kind, pattern), policy: rule.policy };
  };
  return [
    ...findNew(old, now).map((holding) => describe(`${name} added`, holding)),
    ...findNew(now, old).map((holding) => describe(`${name} removed`, holding)),
  ];
}

/** What the one does not include, without what more of it includes. */
function findNew(old: readonly Holding[], now: readonly Holding[]): Holding[] {
  const keys = new Set(old.map(({ key }) => key));
  const added = now.filter((each) => !keys.has(each.key) && !old.some((before) => includes(before, each)));
  return added.filter(
    (each, at) =>
      !added.some((other, place) => place !== at && includes(other, each) && (place < at || !includes(each, other))),
  );
}

function termsFor(holdings: readonly Holding[], server: string, kind: TargetKind, pattern: string): string[] {
  const fitting = holdings.filter(
    (each) => each.server === server && each.kind === kind && covers(each.pattern, pattern),
  );
  const texts = [...new Set(fitting.map(({ terms }) => terms.text))].sort();
  return texts.includes("always") ? ["always"] : texts;
}
