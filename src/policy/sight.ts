import type { Target } from "../mcp/methods.ts";
import type { CompiledRule, TargetKind } from "./compile.ts";
import { fillLargePurse, type Purse } from "./condition/purse.ts";
import { judge, type Verdict, type View } from "./evaluate.ts";
import type { Call, Circumstances } from "./facts.ts";
import { isPlain, type Ruleset } from "./shelves.ts";

/** Whatever a tool's list says of it beside its name. */
export type Annotations = Readonly<Record<string, unknown>>;

/** Where and when somebody looks. */
export interface Standpoint {
  readonly ip: string;
  /** Milliseconds since the epoch. */
  now(): number;
  /** As the server has listed the tool last; undefined where it has not. */
  annotationsOf(tool: string): Annotations | undefined;
}

/**
 * What an identity may see: what it could call under some arguments, or could after proving more. A list is made of it, before
 * anybody has written an argument.
 */
export class Sight {
  readonly view: View;
  readonly #standpoint: Standpoint;

  constructor(view: View, standpoint: Standpoint) {
    this.view = view;
    this.#standpoint = standpoint;
  }

  /** The same place, seen by another policy. */
  by(view: View): Sight {
    return new Sight(view, this.#standpoint);
  }

  /** @param annotations of a tool that is being listed; where they are left out, what its server has said last counts */
  sees(target: Target, annotations?: Annotations, purse?: Purse): boolean {
    return this.#judge(target, null, annotations, purse).effect !== "deny";
  }

  /**
   * Whether what is behind a name may be had as things stand, of a tool under some arguments: whoever has to prove more for that sees the name
   * and no more.
   */
  opens(target: Target, purse?: Purse): boolean {
    const call = target.kind === "resource" ? reading : null;
    return this.#judge(target, call, undefined, purse).effect === "allow";
  }

  #judge(target: Target, call: Call | null, annotations?: Annotations, purse?: Purse): Verdict {
    const { ip } = this.#standpoint;
    const annotationsOf = (tool: string) => annotations ?? this.#standpoint.annotationsOf(tool);
    const circumstances: Circumstances = {
      nowMs: this.#standpoint.now(),
      ip,
      call,
      annotationsOf,
      ...(purse && { purse }),
    };
    return judge(this.view, target, circumstances);
  }

  /** Whether it may be heard as things stand that a resource has changed: that takes as much as to call for it, and is no call to read it. */
  hears(target: Target, purse?: Purse): boolean {
    return this.#judge(target, null, undefined, purse).effect === "allow";
  }

  /** Both for many that one message asks of; together they cost no more than the message may. */
  listener(): { hears(target: Target): boolean; opens(target: Target): boolean } {
    const purse = fillLargePurse();
    return {
      hears: (target) => this.hears(target, purse),
      opens: (target) => this.opens(target, purse),
    };
  }

  /** Whether there is anything of a kind to see, or may be at another time. */
  seesAny(kind: TargetKind): boolean {
    return this.view.enforced.grants.some(({ patterns }) => patterns[kind].length > 0);
  }

  /** Whether there is nothing of a kind that the identity may not see, at any time. */
  seesAll(kind: TargetKind | "template"): boolean {
    const named = kind === "template" ? "resource" : kind;
    const { grants, deny } = this.view.enforced;
    const showsAll = (rule: CompiledRule) =>
      isPlain(rule) && rule.patterns[named].some(({ pattern }) => pattern === "*");
    return deny[named].isEmpty && grants.some(showsAll);
  }
}

const reading: Call = { method: "resources/read", args: undefined };

/** Whether two views can show different things of a kind: whether their rules differ, as far as that can be told. */
export function differs({ enforced: one }: View, { enforced: other }: View, kind: TargetKind): boolean {
  return one !== other && renderRules(one, kind) !== renderRules(other, kind);
}

/** Callers share rulesets, and after a reload every open stream asks. */
const rendered = new WeakMap<Ruleset, Map<TargetKind, string>>();

function renderRules(ruleset: Ruleset, kind: TargetKind): string {
  const known = rendered.get(ruleset) ?? new Map<TargetKind, string>();
  rendered.set(ruleset, known);
  const text = known.get(kind) ?? renderAnew(ruleset, kind);
  known.set(kind, text);
  return text;
}

function renderAnew({ grants, denials }: Ruleset, kind: TargetKind): string {
  const lines = [...grants, ...denials].flatMap(({ effect, patterns, period, text: { when, hours } }) =>
    patterns[kind].map(({ pattern }) => JSON.stringify([effect, pattern, period, when, hours])),
  );
  return [...new Set(lines)].sort().join("\n");
}
