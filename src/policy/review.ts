/** Who can do what, and whether they do: what a reviewer of access signs. Pure. */
import { type Caller, type CallerFact, callersOf, describeCaller } from "./callers.ts";
import type { CompiledBinding, Program, TargetKind } from "./compile.ts";
import { binds } from "./evaluate.ts";
import type { PolicySubject } from "./facts.ts";
import { overlaps } from "./fit.ts";
import { grantsOf, type Holding, holdingsOf } from "./holdings.ts";
import type { Person, Usage, Use } from "./usage.ts";

/** Something that somebody may use. */
export interface Grant {
  /** `alice (corp)`, or the caller that a binding describes. */
  readonly who: string;
  /** Null where nobody of that kind was seen, or nobody can be told. */
  readonly person: Person | null;
  readonly server: string;
  readonly kind: TargetKind;
  readonly pattern: string;
  readonly terms: string;
  /** What of it a deny takes away again. */
  readonly except: readonly string[];
  readonly rule: string;
  readonly role: string;
  /** `file:line` of the rule. */
  readonly policy: string;
  /** Uses in the period, and the last one ever. */
  readonly uses: number;
  readonly lastUsed: string | null;
}

/** Something that can be used, and who can. */
export interface Usable {
  readonly server: string;
  readonly kind: TargetKind;
  readonly pattern: string;
  readonly who: readonly string[];
  readonly uses: number;
  readonly lastUsed: string | null;
}

export interface Review {
  /** What was not used in the period first. */
  readonly grants: readonly Grant[];
  readonly usables: readonly Usable[];
}

/**
 * Lists what everybody may use that a binding describes or a record names.
 *
 * A record says no claims, keys and certificates: bindings by them are listed as such, and of people where a rule of theirs decided.
 */
export function reviewAccess(program: Program, usage: Usage): Review {
  const people = usage.people();
  const grants = people.flatMap((person) => [
    ...grantsOfPerson(program, usage, person),
    ...likelyGrants(program, usage, person),
  ]);
  const described = new Map(program.bindings.flatMap(callersOf).map((caller) => [caller.key, caller]));
  for (const caller of described.values()) {
    if (!people.some((person) => isLike(person.subject, caller.facts)))
      grants.push(...grantsOfCaller(program, usage, caller));
  }
  const sorted = grants.sort(byUse);
  return { grants: sorted, usables: listUsables(sorted) };
}

function grantsOfPerson(program: Program, usage: Usage, person: Person): Grant[] {
  const holdings = holdingsOf(program, person.subject);
  return grantsOf(holdings).map((holding) => {
    const { server, kind, pattern } = holding;
    return describeGrant(
      namePerson(person),
      person,
      holding,
      holdings,
      usage.useOf(person.subject, server, kind, pattern),
    );
  });
}

/** By bindings of which the records do not say whether they hold, as far as their rules decided. */
function likelyGrants(program: Program, usage: Usage, person: Person): Grant[] {
  const { subject } = person;
  const held = new Set(program.bindings.filter((each) => binds(each, subject)).flatMap(({ rules }) => rules));
  const possible = program.bindings.filter((each) => isUntold(each) && binds(toldOf(each), subject));
  const open = { ...program, bindings: possible.map(toldOf) };
  const holdings = holdingsOf(open, subject).filter(({ rule }) => !held.has(rule));
  return grantsOf(holdings).flatMap((holding) => {
    const use = usage.useByRule(holding.rule.name, subject);
    return use.last === null ? [] : [describeGrant(namePerson(person), person, holding, holdings, use)];
  });
}

function grantsOfCaller(program: Program, usage: Usage, caller: Caller): Grant[] {
  const holdings = holdingsOf(program, caller.subject);
  const untold = caller.facts.some(({ selector }) => untoldSelectors.has(selector));
  return grantsOf(holdings).map((holding) => {
    const use = untold ? usage.useByRule(holding.rule.name, null) : { count: 0, last: null };
    return describeGrant(describeCaller(caller), null, holding, holdings, use);
  });
}

const untoldSelectors: ReadonlySet<string> = new Set(["claims", "apiKeys", "certificates"]);

function isUntold({ claims, apiKeys, certificates }: CompiledBinding): boolean {
  return claims.length > 0 || apiKeys !== undefined || certificates !== undefined;
}

/** The binding as far as records tell whether it holds. */
function toldOf(binding: CompiledBinding): CompiledBinding {
  return { ...binding, claims: [], apiKeys: undefined, certificates: undefined };
}

function describeGrant(
  who: string,
  person: Person | null,
  { server, kind, pattern, terms, rule }: Holding,
  holdings: readonly Holding[],
  { count, last }: Use,
): Grant {
  const denies = holdings.filter(
    (each) =>
      each.effect === "deny" &&
      !each.shadow &&
      each.server === server &&
      each.kind === kind &&
      overlaps(each.pattern, pattern),
  );
  const except = denies.map((deny) =>
    deny.terms.text === "always" ? deny.pattern : `${deny.pattern} ${deny.terms.text}`,
  );
  const said = { who, person, server, kind, pattern, terms: terms.text, except };
  return { ...said, rule: rule.name, role: rule.role, policy: rule.policy, uses: count, lastUsed: last };
}

function namePerson({ subject: { issuer, subject, client } }: Person): string {
  return `${subject} (${client === null ? issuer : `${issuer}, client ${client}`})`;
}

function isLike(subject: PolicySubject, facts: readonly CallerFact[]): boolean {
  return facts.every(({ selector, value }) => {
    switch (selector) {
      case "groups":
        return subject.groups.includes(String(value));
      case "subjects":
        return subject.subject === value;
      case "issuers":
        return subject.issuer === value;
      case "clients":
        return subject.client === value;
      default:
        return false;
    }
  });
}

/** What was not used first, then what was used longest ago. */
function byUse(one: Grant, other: Grant): number {
  const age = ({ uses, lastUsed }: Grant) => (uses > 0 ? `2${lastUsed}` : `1${lastUsed ?? ""}`);
  const key = (grant: Grant) => [age(grant), grant.who, grant.server, grant.kind, grant.pattern];
  const [first, second] = [key(one), key(other)];
  const at = first.findIndex((text, index) => text !== second[index]);
  return at === -1 ? 0 : (first[at] ?? "") < (second[at] ?? "") ? -1 : 1;
}

function listUsables(grants: readonly Grant[]): Usable[] {
  const found = new Map<string, Usable & { who: string[] }>();
  for (const { who, server, kind, pattern, uses, lastUsed } of grants) {
    const key = JSON.stringify([server, kind, pattern]);
    const before = found.get(key);
    const latest = [before?.lastUsed ?? "", lastUsed ?? ""].sort().at(-1);
    const people = before?.who ?? [];
    if (!people.includes(who)) people.push(who);
    const total = (before?.uses ?? 0) + uses;
    found.set(key, { server, kind, pattern, who: people, uses: total, lastUsed: latest || null });
  }
  const name = ({ server, kind, pattern }: Usable) => `${server} ${kind} ${pattern}`;
  return [...found.values()].sort((a, b) => (name(a) < name(b) ? -1 : 1));
}
