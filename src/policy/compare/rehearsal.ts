/** What rules in shadow would have decided otherwise, by the audit records of what they did not decide. Pure. */
import type { AuditRecord } from "../../audit/record.ts";
import { type Effect, recallDecision } from "./replay.ts";
import { type Tallied, Tally } from "./tally.ts";

/** A way in which a rule in shadow would have decided otherwise. */
export interface Rehearsed {
  readonly rule: string | null;
  readonly policy: string | null;
  readonly from: Effect | null;
  readonly to: Effect;
  readonly issuer: string | null;
  readonly subject: string | null;
  readonly server: string | null;
  readonly kind: string | null;
  readonly name: string | null;
}

export interface RehearsalReport {
  readonly records: number;
  /** Those of them that are encrypted, and whose key is not there. */
  readonly unread: number;
  /** Calls that rules in shadow would have denied, allowed, or answered with a step-up. */
  readonly would: Readonly<Record<Effect, number>>;
  readonly unlisted: number;
  readonly turns: readonly Tallied<Rehearsed>[];
}

/** Hears the records of a trail. Memory does not grow with it. */
export class Rehearsal {
  readonly #turns = new Tally<Rehearsed>();
  readonly #would: Record<Effect, number> = { deny: 0, challenge: 0, allow: 0 };
  #records = 0;
  #unread = 0;

  hear(record: AuditRecord): void {
    this.#records += 1;
    const { decision, identity, server, target, sealed } = record;
    if (sealed !== undefined) this.#unread += 1;
    const { shadow } = decision;
    if (shadow == null || !Object.hasOwn(this.#would, shadow.effect)) return;
    this.#would[shadow.effect] += 1;
    const turn: Rehearsed = {
      rule: shadow.rule,
      policy: shadow.policy,
      from: recallDecision(record),
      to: shadow.effect,
      issuer: identity?.issuer ?? null,
      subject: identity?.subject ?? null,
      server,
      kind: target?.kind ?? null,
      name: target?.name ?? null,
    };
    this.#turns.add(turn, record);
  }

  finish(): RehearsalReport {
    const [turns, unlisted] = [this.#turns.list(), this.#turns.beyond];
    return { records: this.#records, unread: this.#unread, would: this.#would, unlisted, turns };
  }
}
