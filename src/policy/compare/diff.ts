/** What changes from one policy to another, by meaning: who gains, who loses what. Pure. */
import { compileGlob } from "../../mcp/glob.ts";
import type { Program, TargetKind } from "../compile.ts";
import { binds } from "../evaluate.ts";
import { covers } from "../explain/fit.ts";
import type { PolicySubject } from "../facts.ts";
import { type Caller, callersOf, widerKeys } from "./callers.ts";
import { emptyShelf, type Holding, includes, type Portfolio, PortfolioBook } from "./holdings.ts";
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
  const compare = createComparison(before, after, patternOf);
  for (const { key, subject } of callers.values()) found.set(key, compare(subject));
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

/** Many callers have the same rules before, and the same after. */
function createComparison(
  before: Program,
  after: Program,
  patternOf: ReadonlyMap<string, string>,
): (subject: PolicySubject) => readonly Change[] {
  const [old, now] = [new PortfolioBook(before), new PortfolioBook(after)];
  const kept = new Map<Portfolio, Map<Portfolio, readonly Change[]>>();
  return (subject) => {
    const [was, is] = [old.portfolioOf(subject), now.portfolioOf(subject)];
    const same = kept.get(was) ?? new Map<Portfolio, readonly Change[]>();
    kept.set(was, same);
    const found = same.get(is) ?? joinServers(comparePortfolios(was, is), patternOf);
    same.set(is, found);
    return found;
  };
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

function comparePortfolios(old: Portfolio, now: Portfolio): readonly Change[] {
  if (old.keys.size === now.keys.size && old.keys.isSubsetOf(now.keys)) return [];
  const compared = [...new Set([...old.shelves.keys(), ...now.shelves.keys()])].flatMap((about) => {
    const [was, is] = [old.shelves.get(about) ?? emptyShelf, now.shelves.get(about) ?? emptyShelf];
    return [
      ...compareGrants(was.grants, is.grants),
      ...compareRest("deny", was.denies, is.denies),
      ...compareRest("shadow allow", was.shadowAllows, is.shadowAllows),
      ...compareRest("shadow deny", was.shadowDenies, is.shadowDenies),
    ];
  });
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
    const before = termsFor(old, pattern);
    const after = termsFor(now, pattern);
    return { change, server, kind, pattern, before, after, policy: rule.policy } as const;
  });
}

function compareRest(
  name: "deny" | "shadow allow" | "shadow deny",
  old: readonly Holding[],
  now: readonly Holding[],
): Change[] {
  const describe = (change: Change["change"], { server, kind, pattern, rule }: Holding): Change => {
    const before = termsFor(old, pattern);
    return { change, server, kind, pattern, before, after: termsFor(now, pattern), policy: rule.policy };
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
    (each, at) => !added.some((other, place) => includes(other, each) && (place < at || !includes(each, other))),
  );
}

function termsFor(holdings: readonly Holding[], wanted: string): string[] {
  const fitting = holdings.filter(({ pattern }) => covers(pattern, wanted));
  const texts = [...new Set(fitting.map(({ terms }) => terms.text))].sort();
  return texts.includes("always") ? ["always"] : texts;
}
