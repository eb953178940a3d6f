import { describeCaller } from "../../policy/compare/callers.ts";
import type { Change, Difference } from "../../policy/compare/diff.ts";
import { alignRows, count, show } from "../printing.ts";

/** Differences as JSON. */
export function describeDifferences(differences: readonly Difference[]): unknown {
  return differences.map(({ who, except, ...rest }) => ({
    who: who.map(describeCaller),
    except: except.map(describeCaller),
    ...rest,
  }));
}

/** Differences as text: caller by caller, what they gain and lose. */
export function renderDifferences(differences: readonly Difference[]): string {
  if (differences.length === 0) return "no difference in what the policies mean\n";
  return differences.map(renderDifference).join("\n");
}

function renderDifference({ who, except, rolesAdded, rolesRemoved, changes }: Difference): string {
  const roles = [...rolesAdded.map((role) => `+${show(role)}`), ...rolesRemoved.map((role) => `-${show(role)}`)];
  const lines = [
    `${listCallers(who)}${roles.length === 0 ? "" : `   roles ${roles.join(" ")}`}`,
    ...alignRows(changes.map(renderChange)),
    ...(except.length === 0 ? [] : [`  not, or not all of it, for ${listCallers(except)}`]),
  ];
  return `${lines.join("\n")}\n`;
}

function listCallers(callers: Difference["who"]): string {
  const shown = callers.slice(0, maxCallers).map((caller) => show(describeCaller(caller)));
  const more = callers.length - maxCallers;
  return `${shown.join("; ")}${more > 0 ? ` … and ${count(more, "other")}` : ""}`;
}

const maxCallers = 8;

function renderChange({ change, server, kind, pattern, before, after, policy }: Change): string[] {
  const terms = (texts: readonly string[]) => texts.map(show).join(" | ");
  const was = before.length === 0 ? "" : `was: ${terms(before)}`;
  const now = after.length === 0 ? "" : `now: ${terms(after)}`;
  const plain = (was === "" && now === "now: always") || (now === "" && was === "was: always");
  return [
    `  ${change}`,
    show(server),
    `${kind} ${show(pattern)}`,
    `(${show(policy)})${plain ? "" : `  ${[was, now].filter((text) => text !== "").join("; ")}`}`,
  ];
}
