import type { AuditRecord } from "../../audit/record.ts";
import { always } from "../../policy/clock.ts";
import type { Effect } from "../../policy/compare/replay.ts";
import type { Verdict } from "../../policy/evaluate.ts";
import { decides, type Explanation } from "../../policy/explain/explain.ts";
import { type ConditionFinding, conditionOf, type RuleFinding } from "../../policy/explain/findings.ts";
import { describeBlocker, describeMisses, describeMissing, describeTarget } from "../../policy/explain/words.ts";
import { factBits } from "../../policy/facts.ts";
import { type Question, recallArguments } from "../../policy/question.ts";
import { alignRows, count, show, showValue } from "../printing.ts";
import { nameUnknown, renderAdvice } from "./account.ts";

/**
 * An explanation as text of a screen or two.
 *
 * @param precedent what the same policies decided then, where a record says so
 * @param taken whether a gateway takes the policies, by their suites
 */
export function renderExplanation(
  explanation: Explanation,
  record: AuditRecord | null,
  precedent: Effect | null,
  taken: boolean,
): string {
  const { question, bindings, rules } = explanation;
  const sections = [
    [
      ...renderHead(explanation, record, precedent),
      ...renderRest(explanation, record !== null),
      ...(taken ? [] : [untaken]),
    ],
    alignRows([...renderQuestion(question), ...(record === null ? [] : renderRecord(record, explanation.hash))]),
    [
      `bindings: ${bindings.filter(({ holds }) => holds === "yes").length} of ${bindings.length} hold`,
      ...renderBindings(explanation),
    ],
    [`rules of this caller on ${show(question.server)}: ${rules.length}`, ...renderRules(explanation)],
    renderShadow(explanation),
    precedent === "allow" ? [] : renderChanges(explanation),
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n")}\n`;
}

const untaken = "now = the files on disk; their suites fail, so a gateway does not take them";

const heads = { allow: "ALLOWED", deny: "DENIED", challenge: "STEP-UP" } as const;
const reasons = {
  allowed: "by rule",
  denied_by_rule: "by deny rule",
  no_rule: "no rule allows it",
  condition_failed: "the condition fails of rule",
  unproved: "more has to be proved for rule",
} as const;

function renderVerdict({ effect, reason, rule, policy, certain, missing }: Verdict): string {
  const by = rule === null ? "" : ` ${show(rule)} (${show(policy ?? "")})`;
  const proof = missing === null ? "" : `: ${show(describeMissing(missing))}`;
  return `${certain ? "" : "PERHAPS "}${heads[effect]}: ${reasons[reason]}${by}${proof}`;
}

/** What was decided needs no guess; what was recorded may not tell why. */
function renderHead(
  { answer: { verdict } }: Explanation,
  record: AuditRecord | null,
  precedent: Effect | null,
): string[] {
  if (record === null || precedent === null) return [renderVerdict(verdict)];
  const { rule, policy, reason } = record.decision;
  const by = rule === null ? "" : ` ${show(rule)} (${show(policy ?? "")})`;
  const limited = precedent === "allow" && reason !== null ? `; refused behind it: ${show(reason)}` : "";
  const head = `${heads[precedent]} then, by the same policies as now: ${whyThen(record)}${by}${limited}`;
  return verdict.effect === precedent ? [head] : [head, `By what is recorded alone: ${renderVerdict(verdict)}`];
}

function whyThen({ decision: { effect, rule, reason } }: AuditRecord): string {
  if (reason === "condition_failed" || reason === "step_up_required") return thens[reason];
  if (reason === "policy_denied") return rule === null ? reasons.no_rule : reasons.denied_by_rule;
  return effect === "allow" && rule === null ? "it was let through" : reasons.allowed;
}

const thens = { condition_failed: reasons.condition_failed, step_up_required: reasons.unproved } as const;

/** What an answer rests on that is not certain, and how to say it. */
function renderRest({ question, answer, rules }: Explanation, isRecorded: boolean): string[] {
  if (answer.verdict.certain) return [];
  const open = rules.filter(({ held, result }) => held === "unknown" || result === "maybe");
  const named = open
    .slice(0, maxOpen)
    .map(({ rule, held }) => `${show(rule.name)}${held === "unknown" ? " (if its binding holds)" : ""}`);
  const unknown = nameUnknown(question, restOf(open));
  const options = unknown.flatMap((name) => remedies[name] ?? []);
  return [
    `It rests on what is not known (${unknown.join(", ")}), by ${named.join(", ")}.`,
    ...(options.length === 0
      ? []
      : [`Say it ${isRecorded ? "beside the request id " : ""}to be sure: ${options.join(" ")}`]),
  ];
}

const remedies: Readonly<Record<string, string>> = {
  arguments: "--arguments '{…}'",
  claims: "--claim name=value --scopes a,b",
  annotations: "--annotations '{…}'",
};

/** What these rules rest on, as a sum of `factBits`. */
function restOf(open: readonly RuleFinding[]): number {
  return open.reduce((sum, { rule, held }) => {
    const proof = rule.require !== null || held === "unknown" ? factBits.claims : 0;
    const time = rule.hours !== null || rule.period !== always ? factBits.now : 0;
    return sum | (rule.condition?.reads ?? 0) | proof | time;
  }, 0);
}

const maxOpen = 6;

function renderQuestion({ subject, server, target, circumstances }: Question): string[][] {
  const { issuer, client, groups, scopes, claims } = subject;
  const by = client === null ? "" : `, client ${show(client)}`;
  const method = circumstances.call?.method ?? "";
  const told = Object.entries(claims).filter(([name]) => !["sub", "client_id", "scope", "groups"].includes(name));
  return [
    ["who", `${show(subject.subject)} (${show(issuer)})${by}, groups ${groups.map(show).join(", ") || "none"}`],
    ...(scopes.length === 0 ? [] : [["", `scopes ${scopes.map(show).join(", ")}`]]),
    ...(told.length === 0
      ? []
      : [["", `claims ${told.map(([name, value]) => `${show(name)}=${showValue(name, value)}`).join(", ")}`]]),
    ["what", `${method === "" ? "" : `${show(method)}: `}${nameThing(target, server)}`],
    ["when", `${new Date(circumstances.nowMs).toISOString()} from ${show(circumstances.ip)}`],
  ];
}

function nameThing(target: Question["target"], server: string): string {
  if (target.kind === "server") return `server ${show(server)} itself`;
  return `${show(describeTarget(target))} on ${show(server)}`;
}

function renderRecord(record: AuditRecord, hash: string | null): string[][] {
  const { time, decision, outcome, args } = record;
  const { effect, rule, policy, reason, detail, policies = null } = decision;
  const by = rule === null ? "" : ` by ${show(rule)} (${show(policy ?? "")})`;
  // Most details begin with the reason.
  const said = detail != null && reason !== null && detail.startsWith(`${reason}: `) ? [detail] : [reason, detail];
  const why = said.filter((text) => text != null).map((text) => show(String(text)));
  const view = args?.view === undefined ? "" : showValue("arguments", args.view);
  return [
    [
      "then",
      `${show(time)}: ${effect ?? "undecided"}${by}${why.length === 0 ? "" : `, ${why.join(": ")}`}, HTTP ${outcome.http ?? "none"}`,
    ],
    ...(policies === null || hash === null ? [] : [["", `policies ${show(policies)} then, ${hash} now`]]),
    ...(recallArguments(record) === undefined
      ? [["", "not recorded: claims, scopes and annotations; arguments only as a view that leaves out secrets"]]
      : [["", "not recorded: claims, scopes and annotations"]]),
    ...(view === ""
      ? []
      : [["", `arguments${recallArguments(record) === undefined ? " were like" : ", as recorded:"} ${view}`]]),
  ];
}

function renderBindings({ bindings }: Explanation): string[] {
  const near = bindings.filter(({ holds }) => holds !== "no");
  const missed = bindings.filter(({ holds }) => holds === "no");
  const rows = [...near, ...missed.slice(0, maxMissed)].map(({ binding, holds, misses }) => [
    `  ${{ yes: "holds", unknown: "perhaps", no: "misses" }[holds]}`,
    show(binding.policy),
    `${binding.roles.map(show).join(", ")}${misses.length === 0 ? "" : `: ${show(describeMisses(misses))}`}`,
  ]);
  const more = missed.length - maxMissed;
  return [...alignRows(rows), ...(more > 0 ? [`  … and ${more} more that miss`] : [])];
}

const maxMissed = 10;

function renderRules(explanation: Explanation): string[] {
  const named = explanation.rules.filter(({ blockers }) => !blockers.some(({ kind }) => kind === "pattern"));
  const others = explanation.rules.length - named.length;
  const lines = named.flatMap((finding) => renderRule(finding, decides(explanation, finding)));
  return others === 0 ? lines : [...lines, `  ${count(others, "rule")} about something else`];
}

function renderRule(finding: RuleFinding, isDecisive: boolean): string[] {
  const { rule, held, result, blockers } = finding;
  const why = blockers.map((blocker) => show(describeBlocker(blocker, rule.text)));
  const notes = [
    ...(isDecisive ? ["decides"] : []),
    ...(rule.shadow ? ["in shadow, decides nothing"] : []),
    ...(held === "unknown" ? ["if its binding holds"] : []),
    ...why,
  ];
  const condition = conditionOf(finding);
  const head = `  ${marks[result]}${rule.effect} ${show(rule.name)} (${show(rule.policy)})`;
  return [
    `${head}${notes.length === 0 ? "" : `: ${notes.join("; ")}`}`,
    ...(condition === undefined ? [] : renderCondition(condition, "      ")),
  ];
}

const marks = {
  holds: "matched  ",
  unproved: "unproved ",
  maybe: "perhaps  ",
  not: "not      ",
  error: "error    ",
} as const;

function renderCondition({ text, outcome, joint, parts, reads }: ConditionFinding, indent: string): string[] {
  const facts = reads.map(({ path, value }) => {
    const absent = outcome === "unknown" ? "not known" : "not there";
    return `${show(path)} is ${value === undefined ? absent : showValue(path, value)}`;
  });
  const own = `${indent}${outcome.padEnd(7)}  ${show(text)}${facts.length === 0 ? "" : `   [${facts.join(", ")}]`}`;
  const hidden = outcome === "error" && joint !== null && !parts.some((part) => part.outcome === "error");
  const lines = joint === null ? [own] : [own, ...parts.flatMap((part) => renderCondition(part, `${indent}  `))];
  return hidden
    ? [...lines, `${indent}  it costs too much, or an argument has a number or a name that could be read in two ways`]
    : lines;
}

function renderShadow({ answer: { verdict, rehearsed }, rules }: Explanation): string[] {
  if (rehearsed === null) return [];
  const shadows = rules.filter(({ rule }) => rule.shadow).length;
  const same = rehearsed.effect === verdict.effect;
  return [`with the ${count(shadows, "rule")} in shadow enforced: ${same ? "the same" : renderVerdict(rehearsed)}`];
}

function renderChanges({ answer: { verdict }, rules, obstacles, advice }: Explanation): string[] {
  if (verdict.effect === "allow" && verdict.certain) return [];
  const beaten = rules.find(({ rule, held, result }) => isEnforcedAllow(rule) && held === "yes" && result === "holds");
  const stopped = beaten === undefined ? "" : ` of rule ${show(beaten.rule.name)} (${show(beaten.rule.policy)})`;
  const lines = [
    ...obstacles.map(({ rule }) => `deny rule ${show(rule.name)} (${show(rule.policy)}) stands in the way${stopped}`),
    ...advice.map(renderAdvice),
  ];
  if (lines.length === 0) lines.push("no rule of any role names this");
  const more = lines.length - maxAdvice;
  return [
    "what would have to change:",
    ...lines.slice(0, maxAdvice).map((line) => `  - ${line}`),
    ...(more > 0 ? [`  … and ${more} more ways`] : []),
  ];
}

function isEnforcedAllow({ effect, shadow }: RuleFinding["rule"]): boolean {
  return effect === "allow" && !shadow;
}

const maxAdvice = 8;

/** A request that no policy was asked about. */
export function renderUnasked(record: AuditRecord | null): string {
  if (record === null) return "";
  const lines = [
    "No policy can be asked about this: it was refused before one was, or its names are not recorded whole.",
    "",
  ];
  return `${[...lines, ...alignRows(renderRecord(record, null))].join("\n")}\n`;
}
