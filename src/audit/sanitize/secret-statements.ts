/** Passwords in SQL: where a statement has its place for them (`IDENTIFIED BY '…'`), and in what is inserted under the name of one. */
import type { OwnNames } from "./own-names.ts";
import { gap, isMarks, type Redact } from "./secret-mark.ts";
import { isSecretName } from "./secret-names.ts";
import { findClosing } from "./secret-structures.ts";

/** What stands before a literal: of PostgreSQL (CREATE ROLE), MySQL (CREATE USER, SET PASSWORD), Oracle and SQL Server. */
const before = [
  `password${gap}{1,8}`,
  `\\bpassword${gap}{0,4}\\(${gap}{0,4}`,
  `\\bpassword${gap}{1,4}for${gap}{1,4}[^=;]{1,128}=${gap}{0,4}`,
  `\\bidentified${gap}{1,8}(?:with${gap}{1,8}[\\w'"\\\\]{1,40}${gap}{1,8}(?:by|as)|by)${gap}{1,8}(?:(?:values|password)${gap}{1,8})?`,
  // Functions take it first or second.
  `\\b(?:crypt|encryptbypassphrase|decryptbypassphrase)${gap}{0,4}\\(${gap}{0,4}`,
  `\\b(?:pgp_sym_\\w{5,20}|aes_(?:en|de)crypt|db\\.auth|changeUserPassword|(?:set_?)?(?:http_?)?basic_?auth)${gap}{0,4}\\([^(),]{1,256},${gap}{0,4}`,
];
/** With the letters that say how to read the literal. */
const literal = `(?:[NEBnebx]|[Uu]&)?(\\\\{0,8})(['"]|\\$\\w{0,16}\\$)`;
const place = new RegExp(`(?:${before.join("|")})${literal}`, "gi");
const createSecret = new RegExp(
  `\\bcreate${gap}{1,4}(?:(?:or|replace|persistent|temporary)${gap}{1,4}){0,4}secret\\b`,
  "i",
);
const placeOfSecret = new RegExp(`\\b(?:secret|as|\\w{0,20}token)${gap}{1,4}${literal}`, "gi");
/** Oracle needs no quotes. */
const bare = new RegExp(
  `(?<=\\b(?:create|alter)${gap}{1,4}user${gap}{1,4}[^\\s\\\\]{1,128}${gap}{1,4}identified${gap}{1,4}by${gap}{1,4})(?!values\\b)[^\\s"'\\\\;\\[]{1,128}`,
  "gi",
);

/**
 * Replaces every such password.
 *
 * @param own names of secrets besides those that everybody uses
 */
export function redactStatements(text: string, own: OwnNames | null, redact: Redact): string {
  if (!/['"$]|identified/i.test(text) || !signed.test(text)) return text;
  let shown = redactLiterals(text, place, redact);
  if (/identified/i.test(shown)) shown = shown.replace(bare, redact);
  if (/secret/i.test(shown) && createSecret.test(shown)) shown = redactLiterals(shown, placeOfSecret, redact);
  return redactInserts(shown, own, redact);
}

/** Without one of these there is no such statement. */
const signed = /pass(?:word|phrase)|identified|crypt|db\.auth|basic_?auth|secret|values/i;

function redactLiterals(text: string, form: RegExp, redact: Redact): string {
  let shown = "";
  let from = 0;
  for (const match of text.matchAll(form)) {
    if (match.index < from) continue;
    const start = match.index + match[0].length;
    const end = findLiteralEnd(text, start, match[2] ?? "", match[1]?.length ?? 0);
    const value = text.slice(start, end);
    if (end === text.length || value.trim() === "" || isMarks(value)) continue;
    shown += text.slice(from, start) + redact(value);
    from = end;
  }
  return shown + text.slice(from);
}

/** A quote that is written twice ends no literal. */
function findLiteralEnd(text: string, start: number, quote: string, slashes: number): number {
  const delimiter = "\\".repeat(slashes) + quote;
  let end = findClosing(text, start, quote, slashes);
  while (quote.length === 1 && end < text.length && text.startsWith(delimiter, end + delimiter.length))
    end = findClosing(text, end + 2 * delimiter.length, quote, slashes);
  return end;
}

const insert = new RegExp(
  `\\b(?:insert|replace|upsert)(?:${gap}{1,4}(?:ignore${gap}{1,4})?into${gap}{1,4}[^\\s()]{1,128})?${gap}{0,4}\\(([^()]{1,1024})\\)(?:${gap}|\\w{1,20}${gap}){0,8}?values?${gap}{0,4}(?=\\()`,
  "gi",
);
/** Stands for a value that is handed over elsewhere, or is none. */
const placeholder = /^(?:null|default|true|false|\?|[$:@%]\w{1,64}|\$?\{\w{1,64}\}|)$/i;

/** In rows of values, what stands in the columns of secrets. */
function redactInserts(text: string, own: OwnNames | null, redact: Redact): string {
  let shown = "";
  let from = 0;
  for (const match of text.matchAll(insert)) {
    const names = (match[1] ?? "").split(",").map((name) => name.replaceAll(/[^\w.-]/g, ""));
    const columns = names.map((name) => own?.redacts(name) || isSecretName(name, ""));
    if (match.index < from || !columns.includes(true)) continue;
    let at = match.index + match[0].length;
    while (text[at] === "(") {
      const row = readRow(text, at + 1);
      for (const [index, { start, end }] of row.values.entries()) {
        const value = text.slice(start, end);
        if (columns[index] !== true || placeholder.test(value) || isMarks(value)) continue;
        shown += text.slice(from, start) + redact(value);
        from = end;
      }
      at = skipSeparator(text, row.end);
    }
  }
  return shown + text.slice(from);
}

const separator = new RegExp(`${gap}{0,8},${gap}{0,8}`, "y");

function skipSeparator(text: string, at: number): number {
  separator.lastIndex = at;
  return separator.test(text) ? separator.lastIndex : at;
}

interface Row {
  readonly values: readonly { readonly start: number; readonly end: number }[];
  readonly end: number;
}

const literalHere = new RegExp(literal, "y");

/** The values of a row, without quotes around them, up to the bracket that closes it. */
function readRow(text: string, from: number): Row {
  const values: { start: number; end: number }[] = [];
  let [start, depth, inner] = [from, 0, null as { start: number; end: number } | null];
  let at = from;
  for (; at < text.length; at += 1) {
    literalHere.lastIndex = at;
    const opening = /['"\\$NnEe]/.test(text[at] ?? "") ? literalHere.exec(text) : null;
    if (opening !== null) {
      const opened = at + opening[0].length;
      const end = findLiteralEnd(text, opened, opening[2] ?? "", opening[1]?.length ?? 0);
      if (text.slice(start, at).trim() === "") inner = { start: opened, end };
      at = Math.min(end + (opening[1]?.length ?? 0) + (opening[2]?.length ?? 1), text.length) - 1;
      continue;
    }
    const sign = text[at];
    if (sign === "(") depth += 1;
    else if (sign === ")" && depth > 0) depth -= 1;
    else if ((sign === "," && depth === 0) || sign === ")") {
      values.push(inner ?? trim(text, start, at));
      if (sign === ")") return { values, end: at + 1 };
      [start, inner] = [at + 1, null];
    }
  }
  values.push(inner ?? trim(text, start, at));
  return { values, end: at };
}

function trim(text: string, start: number, end: number): { start: number; end: number } {
  const whole = text.slice(start, end);
  return { start: start + whole.length - whole.trimStart().length, end: start + whole.trimEnd().length };
}
