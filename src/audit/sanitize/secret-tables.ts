/** Columns of tables whose head says that secrets are in them: Markdown, CSV, TSV, and what clients of databases print. */
import type { OwnNames } from "./own-names.ts";
import { lineBreak } from "./secret-blocks.ts";
import { isMarks, type Redact } from "./secret-mark.ts";
import { isSecretName } from "./secret-names.ts";

const anyBreak = new RegExp(lineBreak, "g");
const words = /^["'`*]{0,3}[\p{L}\p{N}_.-]{1,40}(?: [\p{L}\p{N}_.-]{1,40}){0,2}["'`*]{0,3}$/u;
const word = /^\\{0,8}["']?[\p{L}\p{N}_.-]{1,40}\\{0,8}["']?$/u;
const capitals = /^[A-Z0-9_.-]{2,40}(?: [A-Z0-9_.-]{1,40}){0,2}$/;

const tab = /\\u\{9\}|\t|\\{1,8}t/g;
/** What is between two cells, and what the cells of a head look like: a sentence has commas as well. */
const kinds = [
  { delimiter: /[|\u2502]/g, form: words },
  { delimiter: tab, form: words },
  { delimiter: /;/g, form: word },
  { delimiter: /,/g, form: word },
  { delimiter: / {2,}/g, form: capitals },
];

/** Some part of the names that columns of secrets have: a table without any is read no further. */
const suspicious = /p(?:ass|wd|sk)|secret|cred|auth|cookie|key|token|sess|otp|cv[vc]|jwt|phrase|[^\0-\x7e]/i;

/** A rule between head and rows, or around them. */
const rule = /^[\s|+:=\u2500-\u257f-]*$/;
/** A line of a union of types begins so as well, but does not end so. */
const oneCell = /^\s*\|.*\|\s*$/;
/** Some sign of what separates columns, in rows and in rules. */
const bar = /[|\u2502\u253c+]/;
const copy = /^\s*copy\s+\S{1,128}\s*\(([^()]{1,1024})\)\s+from\s+stdin/i;
const keyWord = /^(?:key|name|setting|variable|field|parameter|option|property)s?$/i;
const valueWord = /^values?$/i;

/** Words of heads that mean results, talks and methods more often than secrets, but not beside the name of who has one. */
const ambiguous = /^(?:pass|sessions?|auth)$/i;
const owner = /^(?:user|user ?_?name|login|e-?mail|account)$/i;
/** No word, number, date or sentence, nor one with such a word in it. */
const drawn = /^(?=\S*[A-Za-z])(?=\S*[^A-Za-z\s])\S{6,}$|(?<!\S)(?=\S*\d)(?=\S*[A-Za-z])\S{8,}/;
/** `12,000` and `3k` tokens. */
const counted = /^\d[\d.,]{0,14} ?[kM%]?$/;

interface Head {
  readonly delimiter: RegExp;
  /** Names of the columns; null where each row has a name and a value. */
  readonly names: readonly string[] | null;
}

interface Cell {
  readonly start: number;
  readonly end: number;
}

/**
 * Replaces what stands in them.
 *
 * @param own names of secrets besides those that everybody uses
 */
export function redactTables(text: string, own: OwnNames | null, redact: Redact): string {
  if (own === null && !suspicious.test(text)) return text;
  let shown = "";
  let head: Head | null = null;
  let [at, before, plain] = [0, "", false];
  for (const { index, 0: ending } of [...text.matchAll(anyBreak), { index: text.length, 0: "" }]) {
    const row = text.slice(at, index);
    at = index + ending.length;
    const cells: readonly Cell[] = head === null ? [] : readCells(row, head.delimiter);
    // Where there are no more rows, the next table may begin.
    const ends = head === null || (cells.length < 2 && head.names?.length !== 1) || row.trim() === "";
    if (row.trim() !== "" && rule.test(row)) {
      // What stands below the rule of a table without secrets is no head, whatever it says, unless a rule follows it.
      if (head === null && bar.test(row) && bar.test(before)) {
        if (plain) head = readHead(before, own);
        plain = head === null && !rule.test(before);
      }
      shown += row + ending;
    } else {
      plain &&= bar.test(row);
      if (ends) head = plain ? null : readHead(row, own);
      shown += (ends || head === null ? row : redactRow(row, cells, head, own, redact)) + ending;
    }
    before = row;
  }
  return shown;
}

/** The head of a table with a column of secrets, or of one of names and values; null if it is none. */
function readHead(row: string, own: OwnNames | null): Head | null {
  if (own === null && !suspicious.test(row) && !/value/i.test(row)) return null;
  const [, columns] = copy.exec(row) ?? [];
  if (columns !== undefined) return { delimiter: tab, names: columns.split(",").map(nameOf) };
  if (isList(row)) return null;
  for (const { delimiter, form } of kinds) {
    if (row.search(delimiter) === -1) continue;
    const cells = readCells(row, delimiter).map(({ start, end }) => row.slice(start, end));
    const names = cells.map(nameOf);
    if (names.length === 2 && keyWord.test(names[0] ?? "") && valueWord.test(names[1] ?? ""))
      return { delimiter, names: null };
    if (names.length > (oneCell.test(row) ? 0 : 1) && cells.every((cell) => form.test(cell)))
      return names.some((name) => own?.redacts(name) || isSecretName(name, "")) ? { delimiter, names } : null;
  }
  return null;
}

/** A line of a list in source: a comma at its end, and set in or of words in quotes. */
function isList(row: string): boolean {
  if (!row.trimEnd().endsWith(",")) return false;
  return /^ {2,}.*, /.test(row) || (/^\s*\\{0,8}["']/.test(row) && /', ?\\{0,8}'|", \\{0,8}"/.test(row));
}

function nameOf(cell: string): string {
  return cell.replaceAll(/["'`*\\\s]+/g, " ").trim();
}

function redactRow(row: string, cells: readonly Cell[], head: Head, own: OwnNames | null, redact: Redact): string {
  let shown = "";
  let from = 0;
  for (const [index, { start, end }] of cells.entries()) {
    const name =
      head.names === null
        ? index === 1
          ? nameOf(row.slice(cells[0]?.start, cells[0]?.end))
          : ""
        : (head.names[index] ?? "");
    const value = row.slice(start, end);
    if (value === "" || isMarks(value) || !(own?.redacts(name) || isSecretCell(name, value, head.names ?? [])))
      continue;
    shown += row.slice(from, start) + redact(value);
    from = end;
  }
  return shown + row.slice(from);
}

function isSecretCell(name: string, value: string, names: readonly string[]): boolean {
  if (!isSecretName(name, counted.test(value) ? 1 : value)) return false;
  return !ambiguous.test(name) || drawn.test(value) || names.some((other) => owner.test(other));
}

/** A cell in quotes may have a delimiter in it. */
const inQuotes = /(?<=(?:^|[,;|}\t]) {0,4})(\\{0,8}")(?:(?!\1)[\s\S]){0,1024}\1/g;

/** Where the cells of a row stand, without the blanks and quotes around them. */
function readCells(row: string, delimiter: RegExp): readonly Cell[] {
  const spans = row.includes('"') ? [...row.matchAll(inQuotes)] : [];
  const cells: Cell[] = [];
  const edge = /^\s*[|\u2502]?/.exec(row)?.[0].length ?? 0;
  let start = edge;
  let span = 0;
  for (const { index, 0: sign } of row.matchAll(delimiter)) {
    while (span < spans.length && endOf(spans[span]) <= index) span += 1;
    if (index < edge || (spans[span]?.index ?? index) < index) continue;
    cells.push(trimCell(row, start, index));
    start = index + sign.length;
  }
  if (row.slice(start).trim() !== "") cells.push(trimCell(row, start, row.length));
  return cells;
}

function endOf(span: RegExpExecArray | undefined): number {
  return (span?.index ?? 0) + (span?.[0].length ?? 0);
}

function trimCell(row: string, start: number, end: number): Cell {
  const cell = row.slice(start, end);
  const before = /^\s*(?:\\{0,8}["'])?/.exec(cell)?.[0].length ?? 0;
  const after = /(?:\\{0,8}["'])?\s*$/.exec(cell.slice(before))?.[0].length ?? 0;
  return { start: start + before, end: end - after };
}
