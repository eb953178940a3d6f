/** Who can do what, and whether they do: what a reviewer of access signs. Pure. */
import { type Caller, type CallerFact, callersOf, describeCaller } from "../compare/callers.ts";
import { type Holding, type Portfolio, PortfolioBook } from "../compare/holdings.ts";
import type { CompiledBinding, Program, TargetKind } from "../compile.ts";
import { binds } from "../evaluate.ts";
import { overlaps } from "../explain/fit.ts";
import type { PolicySubject } from "../facts.ts";
import { type Person, type Usage, type Use, unused } from "./usage.ts";

/** Something that somebody may use. */
export interface Grant {
  /** `alice (corp)`, or the caller that a binding describes. */
  readonly who: string;
  /** Callers that bindings describe who hold it besides, seen or not: `group analysts`. */
  readonly others: readonly string[];
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
  const book = new PortfolioBook(program);
  const grants: Grant[] = [];
  const described = new Map(program.bindings.flatMap(callersOf).map((caller) => [caller.key, caller]));
  for (const person of people) {
    const like = [...described.values()].filter(({ facts }) => isOneOfMany(facts) && isLike(person.subject, facts));
    grants.push(...grantsOfPerson(book, usage, person, like), ...likelyGrants(program, book, usage, person));
  }
  for (const caller of described.values()) {
    if (people.some((person) => isLike(person.subject, caller.facts))) continue;
    for (const grant of grantsOfCaller(book, usage, caller)) grants.push(grant);
  }
  const sorted = grants.sort(byUse);
  return { grants: sorted, usables: listUsables(sorted) };
}

/** A binding by subject describes one person only. */
function isOneOfMany(facts: readonly CallerFact[]): boolean {
  return facts.every(({ selector }) => selector !== "subjects");
}

function grantsOfPerson(book: PortfolioBook, usage: Usage, person: Person, like: readonly Caller[]): Grant[] {
  const held = like.map((caller) => [describeCaller(caller), book.portfolioOf(caller.subject).keys] as const);
  return limitedGrants(book.portfolioOf(person.subject)).map(({ holding, except }) => {
    const { server, kind, pattern } = holding;
    const use = usage.useOf(person.subject, server, kind, pattern);
    const others = held.flatMap(([name, keys]) => (keys.has(holding.key) ? name : []));
    return { ...describeGrant(namePerson(person), person, holding, except, use), others };
  });
}

/** By bindings of which the records do not say whether they hold, as far as their rules decided. */
function likelyGrants(program: Program, book: PortfolioBook, usage: Usage, person: Person): Grant[] {
  const { subject } = person;
  const possible = program.bindings.filter((each) => binds(toldOf(each), subject));
  const held = new Set(program.bindings.filter((each) => binds(each, subject)).flatMap(({ rules }) => rules));
  const open = book.ofRules(possible.flatMap(({ rules }) => rules).filter((rule) => !held.has(rule)));
  return limitedGrants(open).flatMap(({ holding, except }) => {
    const use = usage.useByRule(holding.rule.name, subject);
    return use.last === null ? [] : [describeGrant(namePerson(person), person, holding, except, use)];
  });
}

function grantsOfCaller(book: PortfolioBook, usage: Usage, caller: Caller): Grant[] {
  const untold = caller.facts.some(({ selector }) => untoldSelectors.has(selector));
  const who = describeCaller(caller);
  return limitedGrants(book.portfolioOf(caller.subject)).map(({ holding, except }) => {
    const use = untold ? usage.useByRule(holding.rule.name, null) : unused;
    return describeGrant(who, null, holding, except, use);
  });
}

interface LimitedGrant {
  readonly holding: Holding;
  readonly except: readonly string[];
}

const limited = new WeakMap<Portfolio, readonly LimitedGrant[]>();

/** What a portfolio allows, with what denies take away of it. */
function limitedGrants(portfolio: Portfolio): readonly LimitedGrant[] {
  const kept = limited.get(portfolio);
  if (kept !== undefined) return kept;
  const found = [...portfolio.shelves.values()].flatMap(({ grants, denies }) =>
    grants.map((holding) => {
      const limits = denies.filter(({ pattern }) => overlaps(pattern, holding.pattern));
      return { holding, except: limits.map(describeDeny) };
    }),
  );
  limited.set(portfolio, found);
  return found;
}

function describeDeny({ pattern, terms }: Holding): string {
  return terms.text === "always" ? pattern : `${pattern} ${terms.text}`;
}

const untoldSelectors: ReadonlySet<string> = new Set(["claims", "apiKeys", "certificates"]);

/** The binding as far as records tell whether it holds. */
function toldOf(binding: CompiledBinding): CompiledBinding {
  return { ...binding, claims: [], apiKeys: undefined, certificates: undefined };
}

function describeGrant(
  who: string,
  person: Person | null,
  { server, kind, pattern, terms, rule }: Holding,
  except: readonly string[],
  { count, last }: Use,
): Grant {
  const said = { who, others: [], person, server, kind, pattern, terms: terms.text, except };
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

/** What was never used first, then what was used longest ago: before the period, too. */
function byUse(one: Grant, other: Grant): number {
  const key = (grant: Grant) => [grant.lastUsed ?? "", grant.who, grant.server, grant.kind, grant.pattern];
  const [first, second] = [key(one), key(other)];
  const at = first.findIndex((text, index) => text !== second[index]);
  return at === -1 ? 0 : (first[at] ?? "") < (second[at] ?? "") ? -1 : 1;
}

function listUsables(grants: readonly Grant[]): Usable[] {
  const groups = Map.groupBy(grants, ({ server, kind, pattern }) => `${server} ${kind} ${pattern}`);
  const sorted = [...groups].sort(([one], [other]) => (one < other ? -1 : 1));
  return sorted.flatMap(([, all]) => {
    const [first] = all;
    if (first === undefined) return [];
    const { server, kind, pattern } = first;
    const times = all.flatMap(({ lastUsed }) => (lastUsed === null ? [] : [lastUsed])).sort();
    const who = [...new Set([...all.map((grant) => grant.who), ...all.flatMap((grant) => grant.others)])];
    const uses = all.reduce((sum, grant) => sum + grant.uses, 0);
    return [{ server, kind, pattern, who, uses, lastUsed: times.at(-1) ?? null }];
  });
}
