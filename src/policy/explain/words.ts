/** What findings say, in words. Nothing is sanitized here: whoever prints does that. Pure. */
import type { Target } from "../../mcp/methods.ts";
import type { Missing } from "../require.ts";
import type { Rule } from "../schema.ts";
import type { Blocker, ConditionFinding, Miss, Selector } from "./findings.ts";
import { renderHours } from "./findings.ts";

/** `tool forecast`; the server itself where nothing of it is meant. */
export function describeTarget(target: Target): string {
  return target.kind === "server" ? "the server itself" : `${target.kind} ${target.name}`;
}

/** `a`, `a or b`, `a, b or c`. */
export function listAlternatives(values: readonly unknown[], last = "or"): string {
  const texts = values.map(String);
  const shown = texts.length > maxListed ? [...texts.slice(0, maxListed), `${texts.length - maxListed} more`] : texts;
  return shown.length < 2 ? (shown[0] ?? "") : `${shown.slice(0, -1).join(", ")} ${last} ${shown.at(-1)}`;
}

const maxListed = 8;

const nouns: Readonly<Record<Exclude<Selector, "claims">, string>> = {
  groups: "group",
  subjects: "subject",
  issuers: "issuer",
  clients: "client",
  apiKeys: "API key",
  certificates: "certificate",
};

/** `group ops or dev`, `claim tenant acme`. */
export function describeSelector(selector: Selector, claim: string | null, values: readonly unknown[]): string {
  const noun = selector === "claims" ? `claim ${claim} =` : nouns[selector];
  return `${noun} ${listAlternatives(values)}`;
}

/** What somebody is not, of what a binding asks for. */
export function describeMisses(misses: readonly Miss[]): string {
  return misses.map(({ selector, claim, wants }) => `not ${describeSelector(selector, claim, wants)}`).join("; ");
}

/** What the caller has to do to be what a binding asks for. */
export function adviseMiss({ selector, claim, wants }: Miss): string {
  const text = describeSelector(selector, claim, wants);
  switch (selector) {
    case "groups":
      return `be in ${text}`;
    case "claims":
      return `have ${text}`;
    case "subjects":
      return `be ${text}`;
    default:
      return `come by ${text}`;
  }
}

/** `scopes billing:write; acr mfa`. */
export function describeMissing({ scopes, acr, amr, maxAge, certificate, proof }: Missing): string {
  return [
    scopes.length > 0 ? `scope ${listAlternatives(scopes, "and")}` : "",
    acr.length > 0 ? `acr ${listAlternatives(acr)}` : "",
    amr.length > 0 ? `amr ${listAlternatives(amr, "and")}` : "",
    maxAge === null ? "" : `a login at most ${maxAge} s ago`,
    certificate ? "a client certificate" : "",
    proof ? "a token bound to a key or certificate" : "",
  ]
    .filter((part) => part !== "")
    .join("; ");
}

/** The same of everything that a rule requires. */
function describeRequirement(rule: Rule): string {
  const {
    scopes = [],
    acr = [],
    amr = [],
    maxAge,
    certificate = false,
    proof = false,
  } = "require" in rule ? (rule.require ?? {}) : {};
  return describeMissing({
    scopes,
    acr,
    amr,
    maxAge: maxAge === undefined ? null : Math.floor(maxAge / 1_000),
    certificate,
    proof,
  });
}

/** Why a rule has not its effect. */
export function describeBlocker(blocker: Blocker, rule: Rule): string {
  switch (blocker.kind) {
    case "pattern":
      return "no pattern of it fits";
    case "early":
      return `${ofWhom(blocker)} begins only at ${moment(blocker.period.fromMs)}`;
    case "over":
      return `${ofWhom(blocker)} was over at ${moment(blocker.period.untilMs)}`;
    case "hours":
      return `outside its hours: ${renderHours(rule)}`;
    case "time":
      return "it holds at times only, and no time is said";
    case "condition":
      return describeOutcome(blocker.finding);
    case "proof":
      return blocker.missing === "unknown"
        ? `it requires ${describeRequirement(rule)}, and what was proved is not known`
        : `not proved: ${describeMissing(blocker.missing)}`;
  }
}

function describeOutcome({ outcome }: ConditionFinding): string {
  if (outcome === "unknown") return "its condition rests on what is not known";
  return outcome === "error" ? "its condition fails" : "its condition is false";
}

function ofWhom({ ofBinding }: { readonly ofBinding: boolean }): string {
  return ofBinding ? "the binding's period" : "its period";
}

function moment(ms: number): string {
  return new Date(ms).toISOString();
}

/** What has to be otherwise for a rule to have its effect. */
export function adviseBlocker(blocker: Blocker, rule: Rule): string {
  switch (blocker.kind) {
    case "early":
      return `wait until ${moment(blocker.period.fromMs)}`;
    case "over":
      return `have ${ofWhom(blocker)} prolonged, which was over at ${moment(blocker.period.untilMs)}`;
    case "hours":
      return `ask within ${renderHours(rule)}`;
    case "time":
      return "say when it is asked";
    case "condition":
      return `meet the condition ${oneLine(wantedOf(blocker.finding))}`;
    case "proof":
      return `prove ${blocker.missing === "unknown" ? describeRequirement(rule) : describeMissing(blocker.missing)}`;
    case "pattern":
      return "have its patterns changed";
  }
}

/** What of a condition is not met; of alternatives, all. */
function wantedOf({ text, joint, parts }: ConditionFinding): string {
  const unmet = parts.filter(({ outcome }) => outcome !== "true");
  if (joint !== "&&" || unmet.length === 0) return text;
  if (unmet.length === 1) return unmet.map(wantedOf).join();
  return unmet.map((part) => (part.joint === "||" ? `(${part.text})` : wantedOf(part))).join(" && ");
}

/** A text from YAML, where a line may be broken anywhere. */
export function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim();
}
