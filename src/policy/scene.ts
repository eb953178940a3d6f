import type { CelInput } from "@bufbuild/cel";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { findKeyTwin } from "../mcp/json.ts";
import type { Target } from "../mcp/methods.ts";
import { always, isWithin } from "./clock.ts";
import type { CompiledRule } from "./compile.ts";
import { type Bindings, type Condition, type Outcomes, outcome } from "./condition.ts";
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
    const { issuer, subject, client, groups, via, scopes, claims } = this.#subject;
    const { nowMs, ip, call } = this.#circumstances;
    const target = this.#target;
    const annotations = target.kind === "tool" ? this.#circumstances.annotationsOf(target.name) : undefined;
    const args = call?.args ?? {};
    const values = {
      jwt: claims,
      identity: { issuer, subject, client, groups, via, scopes },
      mcp: { method: call?.method ?? "", ...renderTarget(target, args, annotations) },
      server: { name: this.#server },
      peer: { ip },
      now: timestampFromMs(Number.isFinite(nowMs) ? nowMs : 0),
    };
    return {
      values: values as unknown as Record<string, CelInput>,
      unknown: this.#unknown,
      // Servers that were never asked for their list must not look as if they had said nothing of a tool.
      missing: target.kind === "tool" && annotations === undefined ? factBits.annotations : 0,
      width: () => Math.max(widest(args), widest(claims)),
      hasTwin: (names) => hasTwin(args, names),
    };
  }
}

/** What nobody can know yet: before a call is made its method and arguments, of a template the URI, of a server everything. */
function unknownOf({ kind }: Target, { call }: Circumstances): number {
  if (kind === "server") return beforeTarget;
  if (kind === "template") return beforeCall | factBits.uri;
  return call === null ? beforeCall : 0;
}

const beforeCall = factBits.method | factBits.toolArguments | factBits.promptArguments;
const beforeTarget = beforeCall | factBits.toolName | factBits.promptName | factBits.annotations | factBits.uri;

function renderTarget(target: Target, args: unknown, annotations: unknown): Record<string, unknown> {
  switch (target.kind) {
    case "tool":
      return { tool: { name: target.name, arguments: args, annotations: annotations ?? {} } };
    case "prompt":
      return { prompt: { name: target.name, arguments: args } };
    case "server":
      return {};
    default:
      return { resource: { uri: target.name } };
  }
}

function hasTwin(value: unknown, names: ReadonlySet<string>): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (Array.isArray(value)) return value.some((each) => hasTwin(each, names));
  return (
    findKeyTwin(value as Record<string, unknown>, names) !== undefined ||
    Object.values(value).some((each) => hasTwin(each, names))
  );
}

/** Elements of the largest list or map within a value. */
function widest(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  const inner = Object.values(value);
  return inner.reduce((most: number, each) => Math.max(most, widest(each)), inner.length);
}
