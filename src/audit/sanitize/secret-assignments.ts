/** Values that stand behind the name of a secret in a text: `password=…`, `?api_key=…`, `"token": "…"`, `--secret …`. */
import type { OwnNames } from "./own-names.ts";
import { findBlockEnd, lineBreak } from "./secret-blocks.ts";
import { gap, isMarkAt, mark, type Redact, unseen } from "./secret-mark.ts";
import { isSecretInProse, isSecretName, isSecretParameter } from "./secret-names.ts";
import { findClosing, findStructureEnd } from "./secret-structures.ts";
import { findExpressionEnd, findHarmlessEnd, findOtherwise } from "./secret-values.ts";

const quote = "\\\\{0,8}[\"'`]?";
/** A name can be a key in brackets (`headers["x-api-key"] = …`), or be set in bold with or without its colon. */
const ending = `(?:${quote}\\]?|\\*{1,3})`;
const emphasis = "(?:\\*{1,3}(?=\\s|\\\\))?";
/** Tables of settings are aligned. */
const room = `${gap}{0,40}`;
/** What compares a value with a literal, or hands it one, in source and in tests. */
const compare = `[=!]==?|(?:\\)?\\.(?:equals|set|toBe|toEqual|fill|type|send_?[kK]eys)\\(|\\((?<=\\bset[A-Z]\\w{2,40}\\())(?=${gap}{0,4}\\\\{0,8}["'\`])`;
const compares = /[=!]==?|\($/;
/** Between name and value a type may stand, and `=` may be escaped as in JSON for web pages. */
const puts = `(?:${compare}|:=|=>|=|\uff1d|[:\uff1a]:?(?:${gap}{0,4}(?:&(?:'static )?|Optional\\[)?(?:[Ss]tring|str)[\\]?]?(?: ?\\| ?(?:null|None|undefined))?${gap}{0,4}=(?![=>]))?|\\\\{1,8}u003[dD])`;

/** Between an option and its value: blanks, and a line break where the command goes on or where each is an item of a list. */
const spaced = `(?: {1,4}|(?: {0,4}\\\\{1,8})?${lineBreak} {0,40}(?:- {1,4})?)(?![ \\\\])`;

/** A name of up to three words, perhaps in quotes, and what puts a value behind it. */
function assignmentOf(letters: string, more: string): RegExp {
  const letter = more === "" ? `[${letters}]` : `(?:[${letters}]|${more})`;
  // Where a name goes on none begins: each would be read to its end again.
  const begins = more === "" ? `(?<![${letters}])` : `(?<![${letters}]|${more})`;
  return new RegExp(
    `${begins}(--?[A-Za-z][\\w-]{1,62})${spaced}(?!-)|${begins}((?:${letter}{1,40} ){0,2}${letter}{1,64})${ending}${room}${puts}${emphasis}${room}`,
    "g",
  );
}

const assignment = assignmentOf("\\w.%-", "");

/** What is not seen, or stands in full width or with an accent, hides no name, and other scripts have names as well. */
const disguised = assignmentOf(
  "\\w.%\\-\xc0-\u024f\u0300-\u052f\u0590-\u06ff\u0900-\u097f\u0e00-\u0e7f\u1e00-\u1eff\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af\uff0d\uff0e\uff10-\uff19\uff21-\uff3a\uff3f\uff41-\uff5a",
  unseen,
);
const disguise = /\\u\{|[^\x20-\x7e]/;
const everyUnseen = new RegExp(unseen, "g");

/** One name and one value beside each other, as in lists of headers and environments: `name: DB_PASSWORD, value: …`. */
const pair = new RegExp(
  `(?<![\\w.-])(?:name|key|header)${quote}${gap}{0,4}[:=]${gap}{0,4}${quote}()([\\w.-]{1,64})${quote}(?:${gap}|[,;&]|\\\\{1,8}[nrt]){1,40}${quote}values?${quote}${gap}{0,4}[:=]${room}`,
  "gi",
);

/** A name and its value as the first arguments of a function, both in quotes: `setHeader("x-api-key", "…")`. */
const call = new RegExp(
  `(?<=\\w\\(${gap}{0,4})\\\\{0,8}["'\`]()([\\w.-]{1,64})\\\\{0,8}["'\`]${gap}{0,4},${gap}{0,4}(?=${quote}["'\`])`,
  "g",
);
/** The same as the only two items of a list, and an option and its value as two of many. */
const item = new RegExp(
  `(?<=\\[${gap}{0,4})\\\\{0,8}["'\`]()([\\w.-]{1,64})\\\\{0,8}["'\`]${gap}{0,4},${gap}{0,4}(?=(\\\\{0,8}["'\`])[^"'\`\\\\]{1,1024}\\3${gap}{0,4}\\])`,
  "g",
);
const optionItem = new RegExp(
  `["'\`](--[A-Za-z][\\w-]{1,62})\\\\{0,8}["'\`]${gap}{0,4},${gap}{0,4}(?=${quote}["'\`])`,
  "g",
);
/** A part of a form (RFC 7578) after its header, and the default of a variable of Terraform. */
const part = new RegExp(
  `\\bname=\\\\{0,8}"()([\\w.[\\]-]{1,64})\\\\{0,8}"(?:${lineBreak}(?:[A-Za-z-]{1,40}: [\\w/;=. -]{1,128}))?${lineBreak}${lineBreak}`,
  "g",
);
const variable = new RegExp(
  `\\bvariable ${quote}()([\\w-]{1,64})${quote} {0,4}\\{(?:\\\\u\\{[9ad]\\}|[^{}]){0,512}?\\bdefault {0,40}= {0,4}(?=${quote}["'\`])`,
  "g",
);
const plainValue = new RegExp(`(?:[^\\s"'\`&;,\\\\]|,(?!\\s|$)|\\\\(?!u\\{|["'\`])|${unseen})+`, "y");
const headerValue = new RegExp(`(?:[^"'\`\\\\\\r\\n]|\\\\(?!u\\{|["'\`])|${unseen})+`, "y");
const parameterValue = new RegExp(`(?:[^\\s&#"'\`<>\\\\]|${unseen})+`, "y");
/** The head of a block of YAML whose line breaks have become blanks. */
const foldedHead = /[|>][-+\d]{0,2}\s{1,4}(?=[^\s\\])/y;
/** Languages have letters and signs before a quote that say how to read it; three quotes hold several lines. */
const opening = /(?:[BFRUbfru]{1,2}|u8|[ELNX]|[$@]{1,2})?(\\*)(["'`])((?:\1\2){2})?/y;
/** Tags and anchors of YAML stand before a value, and might be its beginning. */
const tag = /(?:[!&][\w!.:/-]{0,60} {1,4}){1,2}/y;
/** Items of a list in YAML, each on a line of its own. */
const listed = new RegExp(
  `(?:${lineBreak} {0,40}(?=- ))?(?:- {1,4}(?:[^\\\\\\r\\n]|\\\\(?!u\\{a\\}|n)){1,512}(?:${lineBreak} {0,40}(?=- ))?){1,64}`,
  "y",
);
const wordless = new RegExp(`^(?:true|false|null|undefined|(?:${mark})+)[,;)\\]}]*$`);

/**
 * Replaces every value behind the name of a secret.
 *
 * @param own names of secrets besides those that everybody uses
 */
export function redactAssignments(text: string, own: OwnNames | null, redact: Redact): string {
  let shown = text.includes("alue") || text.includes("ALUE") ? redactBehind(text, pair, own, redact) : text;
  if (shown.includes(",")) {
    if (shown.includes("(")) shown = redactBehind(shown, call, own, redact);
    if (shown.includes("[")) shown = redactBehind(shown, item, own, redact);
    if (shown.includes("--")) shown = redactBehind(shown, optionItem, own, redact);
  }
  if (shown.includes("name=")) shown = redactBehind(shown, part, own, redact);
  if (shown.includes("variable ")) shown = redactBehind(shown, variable, own, redact);
  return redactBehind(shown, disguise.test(shown) ? disguised : assignment, own, redact);
}

function redactBehind(text: string, names: RegExp, own: OwnNames | null, redact: Redact): string {
  let done = "";
  let from = 0;
  for (const match of text.matchAll(names)) {
    // The colon of a mark puts no value behind a name.
    if (match.index < from || isMarkAt(text, match.index - 1)) continue;
    const span = findValue(text, match.index, match[1] || match[2] || "", match.index + match[0].length, own);
    if (span === null) continue;
    done += text.slice(from, span.start) + redact(text.slice(span.start, span.end));
    from = span.end;
  }
  return done + text.slice(from);
}

/** What stands before it in a statement is another name. */
const keyword = /^.* (?:WHERE|AND|OR|SET|ON|WHEN|THEN) /;

/** Where the secret value behind a name begins and ends; null when the name or the value is harmless. */
function findValue(
  text: string,
  nameAt: number,
  rawName: string,
  start: number,
  own: OwnNames | null,
): { start: number; end: number } | null {
  const name = decodePercent(rawName).replaceAll(everyUnseen, "").replace(keyword, "");
  const inQuery = nameAt > 0 && "?&".includes(text.charAt(nameAt - 1));
  const isOwn = own?.redacts(name) || own?.redacts(name.slice(name.lastIndexOf(" ") + 1)) || false;
  if (!inQuery && !isOwn && !isSecretName(name, "")) return null;
  const between = text.slice(nameAt + rawName.length, start);
  const prose = /^[:\uff1a][^:]/.test(between);
  if (prose && !inQuery && !isOwn && /[[{]/.test(text[start] ?? "") && !isSecretInProse(name, "")) return null;
  const harmlessEnd = inQuery || isOwn ? null : findHarmlessEnd(text, start, prose);
  const other = harmlessEnd === null ? start : findOtherwise(text, harmlessEnd);
  if (other === null) return null;
  const span = findSpan(
    text,
    other,
    inQuery ? parameterValue : /(?:authorization|cookie)$/i.test(name) ? headerValue : plainValue,
  );
  const value = text.slice(span.start, span.end);
  if (value === "" || wordless.test(value.trim())) return null;
  if (isOwn) return span;
  if (compares.test(between)) return isCompared(text, name, between, span) ? span : null;
  if (span.quoted && findHarmlessEnd(text, span.start, false) === span.end) return null;
  const isSecret = inQuery ? isSecretParameter : prose && !span.quoted ? isSecretInProse : isSecretName;
  return isSecret(name, value) ? span : null;
}

/** Of what stands at the place of a literal only a literal is secret, and no word that a lexer knows, or that says of what type something is. */
function isCompared(text: string, name: string, between: string, span: Span): boolean {
  const value = text.slice(span.start, span.end);
  if (!span.quoted) return /[=!]$/.test(between);
  if (between.includes("(") && !closesCall(text, span.end)) return false;
  if (value.length < shortestCompared || findHarmlessEnd(text, span.start, false) === span.end) return false;
  return isSecretInProse(name, value) && (/pass|pwd|secret/i.test(name) || !/^[a-z_-]{1,16}$/i.test(value));
}

const shortestCompared = 5;
const closed = new RegExp(`${quote}${gap}{0,4}\\)`, "y");

function closesCall(text: string, at: number): boolean {
  closed.lastIndex = at;
  return closed.test(text);
}

interface Span {
  readonly start: number;
  readonly end: number;
  readonly quoted: boolean;
}

function findSpan(text: string, start: number, plain: RegExp): Span {
  tag.lastIndex = start;
  const at = start + ((plain !== parameterValue && tag.exec(text)?.[0].length) || 0);
  opening.lastIndex = at;
  const quote = opening.exec(text);
  if (quote !== null) {
    const [all, slashes = "", mark = "", more] = quote;
    const inner = at + all.length;
    if (more === undefined) return { start: inner, end: findClosing(text, inner, mark, slashes.length), quoted: true };
    const end = text.indexOf(`${slashes}${mark}${more}`, inner);
    return { start: inner, end: end === -1 ? text.length : end, quoted: true };
  }
  const span = findPlainSpan(text, at, plain);
  return at === start ? span : { ...span, start };
}

/** The same for a value without quotes. */
function findPlainSpan(text: string, start: number, plain: RegExp): Span {
  listed.lastIndex = start;
  const list = plain === parameterValue ? null : listed.exec(text);
  if (list !== null) return { start, end: start + list[0].length, quoted: true };
  const blockEnd = findBlockEnd(text, start);
  if (blockEnd !== null) return { start, end: blockEnd, quoted: true };
  const expressionEnd = plain === plainValue ? findExpressionEnd(text, start) : null;
  if (expressionEnd !== null) return { start, end: expressionEnd, quoted: false };
  if (/[[{]/.test(text[start] ?? "") && !isMarkAt(text, start))
    return { start, end: findStructureEnd(text, start), quoted: false };
  foldedHead.lastIndex = start;
  const at = start + (foldedHead.exec(text)?.[0].length ?? 0);
  plain.lastIndex = at;
  return { start: at, end: at + (plain.exec(text)?.[0].length ?? 0), quoted: false };
}

function decodePercent(name: string): string {
  try {
    return name.includes("%") ? decodeURIComponent(name) : name;
  } catch {
    return name;
  }
}
