import type { Target } from "../mcp/methods.ts";
import { holdsInexactNumber } from "../mcp/numbers.ts";
import { always, isWithin } from "./clock.ts";
import type { CompiledRule } from "./compile.ts";
import { argumentBits, type Bindings, type Condition, type Outcomes, outcome } from "./condition/condition.ts";
import { fillPurse } from "./condition/purse.ts";
import { holdsMoreThan, memberNamesOf } from "./condition/values.ts";
import { Vocabulary } from "./condition/vocabulary.ts";
import { type Circumstances, factBits, type PolicySubject } from "./facts.ts";
import { findMissing, type Missing } from "./require.ts";

/** One question put to rules: about a target, by a subject, under circumstances. What only conditions need is made when one asks. */
export class Scene {
  readonly #subject: PolicySubject;
  readonly #server: string;
  readonly #target: Target;
  readonly #circumstances: Circumstances;
  readonly #unknown: number;
  #bindings: Bindings | null = null;

  constructor(subject: PolicySubject, server: string, target: Target, circumstances: Circumstances) {
    this.#subject = subject;
    this.#server = server;
    this.#target = target;
    this.#circumstances = circumstances;
    this.#unknown = (circumstances.unknown ?? 0) | unknownOf(target, circumstances);
  }

  /** How the rule comes out for a target that its patterns fit. The cheapest is asked first. */
  outcomesOf({ period, hours, condition }: CompiledRule): Outcomes {
    const { nowMs } = this.#circumstances;
    const timed = period !== always || hours !== null;
    const timeless = (this.#unknown & factBits.now) !== 0;
    if (timed && !timeless && !(isWithin(period, nowMs) && (hours === null || hours(nowMs)))) return outcome.false;
    const outcomes = condition === null ? outcome.true : this.#evaluate(condition);
    return timed && timeless ? outcomes | outcome.false : outcomes;
  }

  #evaluate(condition: Condition): Outcomes {
    this.#bindings ??= this.#bind();
    return condition.outcomes(this.#bindings);
  }

  /** What the caller must prove besides; `unknown` where it is not known what was proved. */
  missingFor({ require }: CompiledRule): Missing | "unknown" | null {
    if (require === null) return null;
    const rests = require.maxAge === undefined ? factBits.claims : factBits.claims | factBits.now;
    if ((this.#unknown & rests) !== 0) return "unknown";
    return findMissing(require, this.#subject, this.#circumstances.nowMs);
  }

  #bind(): Bindings {
    const { annotationsOf, call } = this.#circumstances;
    const target = this.#target;
    const annotations = target.kind === "tool" ? annotationsOf(target.name) : undefined;
    const speak = (withArguments: boolean) =>
      once(() => new Vocabulary(this.#subject, this.#server, target, this.#circumstances, annotations, withArguments));
    const [plain, full] = [speak(false), speak(true)];
    const names = once(() => memberNamesOf(call?.args));
    const isLarge = once(() => holdsMoreThan(maxArgumentValues, call?.args));
    const isInexact = once(() => call?.bytes !== undefined && holdsInexactNumber(new TextDecoder().decode(call.bytes)));
    return {
      valuesFor: (reads) => ((reads & argumentBits) === 0 ? plain() : full()),
      unknown: this.#unknown,
      // Servers that were never asked for their list must not look as if they had said nothing of a tool.
      missing: target.kind === "tool" && annotations === undefined ? factBits.annotations : 0,
      isDoubtful: (known) => !isMapOrAbsent(call?.args) || isLarge() || names().hasTwin(known) || isInexact(),
      purse: this.#circumstances.purse ?? fillPurse(),
    };
  }
}

/**
 * Values within arguments that conditions are asked about. Making a megabyte of empty objects into values of conditions takes
 * seconds, and walking over them as well.
 */
const maxArgumentValues = 50_000;

function isMapOrAbsent(args: unknown): boolean {
  return args === undefined || args === null || (typeof args === "object" && !Array.isArray(args));
}

function once<Made>(make: () => Made): () => Made {
  let made: { readonly value: Made } | null = null;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/** What nobody can know yet: before a call is made its method and arguments, of a template the URI, of a server everything. */
function unknownOf({ kind }: Target, { call }: Circumstances): number {
  if (kind === "server") return beforeTarget;
  if (kind === "template") return beforeCall | factBits.uri;
  return call === null ? beforeCall : 0;
}

const beforeCall = factBits.method | factBits.toolArguments | factBits.promptArguments;
const beforeTarget = beforeCall | factBits.toolName | factBits.promptName | factBits.annotations | factBits.uri;
