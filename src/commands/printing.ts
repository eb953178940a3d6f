import { sanitize, sanitizeText } from "../audit/sanitize/sanitize.ts";
import { oneLine } from "../policy/explain/words.ts";
import type { CommandIo } from "./io.ts";

/** A text of anybody as a terminal may show it: no controls, nothing that looks like a secret, one line. */
export function show(text: string): string {
  return sanitizeText(oneLine(text), maxShown);
}

/** The same for a name or an id, which may look random. */
export function showId(text: string): string {
  return sanitizeText(oneLine(text), maxShown, "id");
}

const maxShown = 500;

/** A value as it may be shown; one is left out where any step of the way to it says that a secret is there. */
export function viewValue(path: string, value: unknown): unknown {
  // The variable holds the claims, and not the token that its name is of.
  const steps = path
    .replace(/^jwt(?=[.[])/, "")
    .split(/[.[\]"]+/)
    .filter((step) => step !== "");
  const placed = steps.reduceRight((inner, step) => ({ [step]: inner }), value);
  return steps.reduce<unknown>(
    (shown) => (typeof shown === "object" && shown !== null ? Object.values(shown)[0] : shown),
    sanitize(placed),
  );
}

/** The same as text. */
export function showValue(path: string, value: unknown): string {
  const shown = JSON.stringify(viewValue(path, value));
  return shown.length > maxValue ? `${shown.slice(0, maxValue)}…` : shown;
}

const maxValue = 200;

/** Prints JSON in which every character shows: those that steer a terminal are escaped. */
export function printJson(io: CommandIo, value: unknown): void {
  io.out(`${escapeSteering(JSON.stringify(value, null, 2))}\n`);
}

/** The same on one line. */
export function printJsonLine(io: CommandIo, value: unknown): void {
  io.out(`${escapeSteering(JSON.stringify(value))}\n`);
}

function escapeSteering(json: string): string {
  return json.replaceAll(steering, escapeCharacter);
}

const steering = /[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

function escapeCharacter(character: string): string {
  return Array.from({ length: character.length }, (_, at) => character.charCodeAt(at))
    .map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`)
    .join("");
}

/** Rows with their columns aligned; the last one is as long as it is. */
export function alignRows(rows: readonly (readonly string[])[]): string[] {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, at) => (at === row.length - 1 ? cell : cell.padEnd(widths[at] ?? 0)))
      .join("  ")
      .trimEnd(),
  );
}

/** `1 rule`, `2 rules`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
