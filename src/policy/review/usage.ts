/** Who used what, and when last, by the records of a trail. Pure. */
import type { AuditRecord } from "../../audit/record.ts";
import { recallDecision } from "../compare/replay.ts";
import type { CompiledRule, Program, TargetKind } from "../compile.ts";
import { nobody, type PolicySubject } from "../facts.ts";

/** How often something was used since the period began, and when last, ever. */
export interface Use {
  readonly count: number;
  /** ISO 8601. */
  readonly last: string | null;
}

export const unused: Use = { count: 0, last: null };

/** Somebody of whom there are records. */
export interface Person {
  /** With the groups of the last record. */
  readonly subject: PolicySubject;
  readonly lastSeen: string;
  /** Allowed calls since the period began. */
  readonly calls: number;
}

interface OpenPerson {
  subject: PolicySubject;
  lastSeen: string;
  calls: number;
  readonly uses: Map<string, Use>;
}

/** Names of one kind that are remembered to fit certain patterns. */
const maxKept = 50_000;

/** Counts uses by person and pattern. Memory grows with people and patterns, never with calls. */
export class Usage {
  readonly #rules: readonly CompiledRule[];
  readonly #byClient: boolean;
  readonly #sinceMs: number;
  readonly #maxPeople: number;
  readonly #people = new Map<string, OpenPerson>();
  readonly #byRule = new Map<string, Use>();
  readonly #kept = new Map<string, readonly string[]>();
  records = 0;
  first: string | null = null;
  last: string | null = null;
  /** Records of people beyond those that are kept. */
  beyond = 0;
  /** Records that are encrypted, and whose key is not there, and allowed calls of people who were erased. */
  unread = 0;

  /** @param sinceMs beginning of the period, in milliseconds since the epoch */
  constructor({ rules, bindings }: Program, sinceMs: number, maxPeople = 10_000) {
    this.#rules = rules;
    // Where bindings look at clients, the same person by another client is somebody else.
    this.#byClient = bindings.some(({ clients }) => clients !== undefined);
    this.#sinceMs = sinceMs;
    this.#maxPeople = maxPeople;
  }

  hear(record: AuditRecord): void {
    this.records += 1;
    const { time, identity, server, target, decision } = record;
    if (this.first === null || time < this.first) this.first = time;
    if (this.last === null || time > this.last) this.last = time;
    if (identity === null) {
      const isErased = record.person !== undefined && recallDecision(record) === "allow";
      if (record.sealed !== undefined || isErased) this.unread += 1;
      return;
    }
    const person = this.#personOf(identity, time);
    if (person === null) {
      this.beyond += 1;
      return;
    }
    if (time >= person.lastSeen) {
      person.lastSeen = time;
      person.subject = { ...person.subject, groups: identity.groups };
    }
    if (recallDecision(record) !== "allow") return;
    const within = Date.parse(time) >= this.#sinceMs;
    if (within) person.calls += 1;
    const { kind, name } = target ?? {};
    if (server === null || name == null || (kind !== "tool" && kind !== "prompt" && kind !== "resource")) return;
    for (const key of this.#keysOf(server, kind, name)) note(person.uses, key, time, within);
    if (decision.rule !== null) {
      note(person.uses, ruleKey(decision.rule), time, within);
      note(this.#byRule, decision.rule, time, within);
    }
  }

  #personOf({ issuer, subject, client }: NonNullable<AuditRecord["identity"]>, time: string): OpenPerson | null {
    const by = this.#byClient ? client : null;
    const key = personKey(issuer, subject, by);
    const known = this.#people.get(key);
    if (known !== undefined) return known;
    if (this.#people.size >= this.#maxPeople) return null;
    const person = {
      subject: { ...nobody, issuer, subject, client: by, groups: [] },
      lastSeen: time,
      calls: 0,
      uses: new Map(),
    };
    this.#people.set(key, person);
    return person;
  }

  #keysOf(server: string, kind: TargetKind, name: string): readonly string[] {
    const what = JSON.stringify([server, kind, name]);
    const kept = this.#kept.get(what);
    if (kept !== undefined) return kept;
    const fitting = this.#rules
      .filter(({ effect, servers }) => effect === "allow" && servers.has(server))
      .flatMap(({ patterns }) => patterns[kind].filter((glob) => glob.matches(name)));
    const keys = [...new Set(fitting.map(({ pattern }) => patternKey(server, kind, pattern)))];
    if (this.#kept.size >= maxKept) this.#kept.clear();
    this.#kept.set(what, keys);
    return keys;
  }

  people(): readonly Person[] {
    return [...this.#people.values()];
  }

  /** What somebody used of what a pattern means. */
  useOf({ issuer, subject, client }: PolicySubject, server: string, kind: TargetKind, pattern: string): Use {
    return this.#people.get(personKey(issuer, subject, client))?.uses.get(patternKey(server, kind, pattern)) ?? unused;
  }

  /** What somebody, or anybody, used by a rule, as far as it was the one that decided. */
  useByRule(rule: string, who: PolicySubject | null): Use {
    if (who === null) return this.#byRule.get(rule) ?? unused;
    return this.#people.get(personKey(who.issuer, who.subject, who.client))?.uses.get(ruleKey(rule)) ?? unused;
  }
}

function personKey(issuer: string, subject: string, client: string | null): string {
  return JSON.stringify([issuer, subject, client]);
}

function patternKey(server: string, kind: TargetKind, pattern: string): string {
  return JSON.stringify([server, kind, pattern]);
}

function ruleKey(rule: string): string {
  return JSON.stringify([rule]);
}

function note(uses: Map<string, Use>, key: string, time: string, within: boolean): void {
  const { count, last } = uses.get(key) ?? unused;
  uses.set(key, { count: count + Number(within), last: last === null || time > last ? time : last });
}
