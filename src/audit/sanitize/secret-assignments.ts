/** Values that stand behind the name of a secret in a text: `password=…`, `?api_key=…`, `"token": "…"`, `--secret …`. */
import type { OwnNames } from "./own-names.ts";
import { gap, redacted } from "./secret-mark.ts";
import { isSecretInProse, isSecretName, isSecretParameter } from "./secret-names.ts";

/** A name of up to three words, perhaps in quotes, and what puts a value behind it. */
const assignment = new RegExp(
  `(?<![\\w.%-])(--[\\w-]{2,62}) {1,4}(?!-)|(?<![\\w.%-])((?:[\\w.%-]{1,40} ){0,2}[\\w.%-]{1,64})\\\\{0,8}["'\`]?${gap}{0,4}(?::=|=>|=|:)${gap}{0,4}`,
  "g",
);
const plainValue = /(?:[^\s"'`&;,\\]|,(?!\s|$)|\\(?!u\{|["'`]))+/y;
const headerValue = /(?:[^"'`\\\r\n]|\\(?!u\{|["'`]))+/y;
const parameterValue = /[^\s&#"'`<>\\]+/y;
const opening = /(\\*)(["'`])/y;
const wordless = /^(?:true|false|null|undefined|\[redacted\])$/;

/**
 * Replaces every value behind the name of a secret.
 *
 * @param own names of secrets besides those that everybody uses
 */
export function redactAssignments(text: string, own: OwnNames | null): string {
  let done = "";
  let from = 0;
  for (const match of text.matchAll(assignment)) {
    if (match.index < from) continue;
    const span = findValue(text, match.index, match[1] ?? match[2] ?? "", match.index + match[0].length, own);
    if (span === null) continue;
    done += text.slice(from, span.start) + redacted;
    from = span.end;
  }
  return done + text.slice(from);
}

/** Where the secret value behind a name begins and ends; null when the name or the value is harmless. */
function findValue(
  text: string,
  nameAt: number,
  rawName: string,
  start: number,
  own: OwnNames | null,
): { start: number; end: number } | null {
  const name = decodePercent(rawName);
  const inQuery = nameAt > 0 && "?&".includes(text.charAt(nameAt - 1));
  const isOwn = own?.redacts(name) || own?.redacts(name.slice(name.lastIndexOf(" ") + 1)) || false;
  if (!inQuery && !isOwn && !isSecretName(name, "")) return null;
  const span = findSpan(
    text,
    start,
    inQuery ? parameterValue : /(?:authorization|cookie)$/i.test(name) ? headerValue : plainValue,
  );
  const value = text.slice(span.start, span.end);
  if (value === "" || wordless.test(value.trim())) return null;
  if (isOwn) return span;
  const between = text.slice(nameAt + rawName.length, start);
  const prose = between.startsWith(":") && between.length > 1;
  const isSecret = inQuery ? isSecretParameter : prose && !span.quoted ? isSecretInProse : isSecretName;
  return isSecret(name, value) ? span : null;
}

interface Span {
  readonly start: number;
  readonly end: number;
  readonly quoted: boolean;
}

function findSpan(text: string, start: number, plain: RegExp): Span {
  opening.lastIndex = start;
  const quote = opening.exec(text);
  if (quote !== null) {
    const inner = start + quote[0].length;
    return { start: inner, end: findClosing(text, inner, quote[2] ?? "", quote[1]?.length ?? 0), quoted: true };
  }
  // A structure that did not parse as JSON has no end that could be relied on.
  if (/[[{]/.test(text[start] ?? "") && !text.startsWith(redacted, start))
    return { start, end: text.length, quoted: false };
  plain.lastIndex = start;
  return { start, end: start + (plain.exec(text)?.[0].length ?? 0), quoted: false };
}

/** The quote that closes one opened with so many backslashes: JSON inside JSON escapes its own quotes with more. */
function findClosing(text: string, from: number, quote: string, depth: number): number {
  for (let at = text.indexOf(quote, from); at !== -1; at = text.indexOf(quote, at + 1)) {
    let slashes = 0;
    while (at - slashes - 1 >= from && text[at - slashes - 1] === "\\") slashes += 1;
    if (slashes <= depth || (depth === 0 && slashes % 2 === 0)) return at - slashes;
  }
  return text.length;
}

function decodePercent(name: string): string {
  try {
    return name.includes("%") ? decodeURIComponent(name) : name;
  } catch {
    return name;
  }
}
