import type { RehearsalReport, Rehearsed } from "../../policy/compare/rehearsal.ts";
import type { ReplayReport, Turn } from "../../policy/compare/replay.ts";
import type { Tallied } from "../../policy/compare/tally.ts";
import { alignRows, count, show } from "../printing.ts";

/** Which recorded calls would be decided otherwise, as text. */
export function renderReplay({
  records,
  asked,
  unrecalled,
  unread,
  changed,
  open,
  unlisted,
  turns,
}: ReplayReport): string {
  const certain = turns.filter(({ what }) => what.certain);
  const perhaps = turns.filter(({ what }) => !what.certain);
  const lines = [
    `${count(changed, "recorded call")} would be decided otherwise, of ${asked} that a policy was asked about (${count(records, "record")})`,
    ...renderTurns(certain),
    ...(open === 0
      ? []
      : [`${open} more might be: that rests on claims, annotations or arguments that are not recorded, or not whole`]),
    ...renderTurns(perhaps),
    ...(unrecalled === 0
      ? []
      : [`${count(unrecalled, "call")} could not be put again: their names are not recorded whole`]),
    ...nameUnread(unread),
    ...(unlisted === 0 ? [] : [`${count(unlisted, "call")} of more callers and targets than can be listed`]),
  ];
  return `${lines.join("\n")}\n`;
}

/** What rules in shadow would have done, as text. */
export function renderRehearsal({ records, unread, would, unlisted, turns }: RehearsalReport): string {
  const head = `rules in shadow would have denied ${count(would.deny, "call")}, allowed ${would.allow}, and asked for more proof in ${would.challenge} (${count(records, "record")})`;
  const rules = new Map<string, Tallied<Rehearsed>[]>();
  for (const turn of turns) {
    const key = `${turn.what.rule === null ? "no rule" : `${show(turn.what.rule)} (${show(turn.what.policy ?? "")})`}`;
    rules.set(key, [...(rules.get(key) ?? []), turn]);
  }
  const sections = [...rules].flatMap(([rule, found]) => {
    const total = found.reduce((sum, turn) => sum + turn.count, 0);
    return ["", `${rule}: ${count(total, "call")}`, ...renderRows(found)];
  });
  const rest = unlisted === 0 ? [] : ["", `${count(unlisted, "call")} of more callers and targets than can be listed`];
  return `${[head, ...nameUnread(unread), ...sections, ...rest].join("\n")}\n`;
}

function nameUnread(unread: number): string[] {
  return unread === 0
    ? []
    : [`${count(unread, "record")} cannot be read, being encrypted: calls among them are not counted`];
}

function renderTurns(turns: readonly Tallied<Turn>[]): string[] {
  if (turns.length === 0) return [];
  const rows = renderRows(turns);
  return ["", ...rows, ""];
}

const maxRows = 200;

function renderRows(turns: readonly Tallied<Turn | Rehearsed>[]): string[] {
  const rows = turns
    .slice(0, maxRows)
    .map(({ what, count: times, first, last, examples }) => [
      `  ${nameSides(what)}`,
      `${times}x`,
      what.subject === null ? "nobody" : `${show(what.subject)} (${show(what.issuer ?? "")})`,
      show(what.server ?? ""),
      what.name === null ? "the server itself" : `${show(what.kind ?? "")} ${show(what.name)}`,
      ...("ruleAfter" in what ? [`${show(what.ruleBefore ?? "no rule")} -> ${show(what.ruleAfter ?? "no rule")}`] : []),
      `${first === last ? show(first) : `${show(first)} to ${show(last)}`}  ${examples.map(show).join(" ")}`,
    ]);
  const more = turns.length - maxRows;
  return [...alignRows(rows), ...(more > 0 ? [`  … and ${more} more, which --json lists`] : [])];
}

/** All that a side may be which rests on what is not recorded. */
function nameSides(what: Turn | Rehearsed): string {
  if ("certain" in what) return `${what.possibleBefore.join(" or ")} -> ${what.possibleAfter.join(" or ")}`;
  return `${what.from ?? "undecided"} -> ${what.to}`;
}
