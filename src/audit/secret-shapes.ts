/**
 * Secrets that are known by how they look, wherever they stand in a text. Every pattern runs over text of bounded length,
 * repeats without nesting, and so takes linear time whatever an attacker sends.
 */
import { isSecretInProse, isSecretName, isSecretParameter, mayNameSecret } from "./secret-names.ts";

export const redacted = "[redacted]";

const pem = /-----BEGIN [A-Z0-9 ]{1,40}-----[\s\S]*?(?:-----END [A-Z0-9 ]{1,40}-----|$)/g;

/** RFC 7519 in compact form; a long run that begins like one counts as well, for its dots may have been cut off. */
const jwt = /(?<![A-Za-z0-9])eyJ[\w-]{8,}(?:\.[\w-]*){1,4}|(?<![A-Za-z0-9])eyJ[\w-]{200,}/g;

const vendorForms = [
  "A(?:KIA|SIA|BIA|CCA)[A-Z0-9]{16}", // AWS
  "gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_\\w{20,255}",
  "gl(?:pat|oas|dt|rt|rtr|cbt|ptt|ft|imt|agent|soat|ffct)-[\\w.=-]{16,255}", // GitLab
  "xox[a-z]-[A-Za-z0-9-]{10,255}|xapp-[A-Za-z0-9-]{10,255}|hooks\\.slack\\.com/services/[A-Za-z0-9/]{10,255}",
  "(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{10,255}|whsec_[A-Za-z0-9+/=]{16,255}", // Stripe
  "AIza[\\w-]{30,60}|GOCSPX-[\\w-]{20,60}|ya29\\.[\\w-]{20,1024}", // Google
  "sk-(?=[A-Za-z_-]{0,120}\\d)[\\w-]{20,255}", // OpenAI, Anthropic
  "npm_[A-Za-z0-9]{30,60}|pypi-[\\w-]{50,255}|hf_[A-Za-z0-9]{30,60}",
  "SG\\.[\\w-]{16,60}\\.[\\w-]{16,60}|do[opr]_v1_[a-f0-9]{64}|hv[sb]\\.[\\w-]{20,255}|dapi[a-f0-9]{32}",
  "shp(?:at|ca|pa|ss)_[A-Fa-f0-9]{32}|ATATT3[\\w=-]{20,255}|\\d{8,10}:AA[\\w-]{33}",
];
const vendor = new RegExp(`(?<![A-Za-z0-9])(?:${vendorForms.join("|")})`, "g");
/** One of these stands in every vendor form; looking for them takes 0.1 to 0.9 µs for 3 KB, for the forms themselves 5 to 6. */
const vendorSign = /[_-]|A(?:KIA|SIA|BIA|CCA)|hooks\.slack|AIza|ya29|SG\.|hv[sb]\.|dapi|ATATT3|:AA/;

/** White space, and what has become visible of it. */
const gap = "(?:\\s|\\\\u\\{[0-9a-f]{1,6}\\})";

/** RFC 9110 section 11.4. */
const scheme = new RegExp(`\\b(Bearer|Basic|DPoP)(${gap}{1,4})([\\w.~+/=-]{6,})`, "gi");

/** Userinfo of RFC 3986 section 3.2.1; the second form is a password with an unescaped slash, but not a port. */
const userinfo = /(?<=:\/\/)[^\s/?#"'<>]{1,512}(?=@)/g;
const slashedUserinfo = /(?<=:\/\/)[^\s/?#@:"'<>]{0,256}:(?!\d{1,5}(?:[/?#]|$))[^\s?#"'<>]{1,512}(?=@)/g;

const digits = /(?<![A-Za-z0-9]|\d\.)\d(?:[ -]?\d){12,}(?![A-Za-z0-9])/g;

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

// Cheap signs without which the patterns above cannot match: most texts show none of them.
const shortestToken = 15;
const schemeName = /bearer|basic|dpop/i;
const separator = /[:=]|--/;
const longNumber = /\d(?:[ -]?\d){12}/;

/** Replaces every secret that one pass finds. A replacement can bring another to light, so callers repeat it until nothing changes. */
export function redactShapes(text: string): string {
  let shown = text;
  if (shown.includes("-----BEGIN ")) shown = shown.replace(pem, redacted);
  if (hasLongWord(shown)) {
    shown = shown.replace(jwt, redacted);
    if (vendorSign.test(shown)) shown = shown.replace(vendor, redacted);
  }
  if (schemeName.test(shown)) shown = shown.replace(scheme, redactScheme);
  if (shown.includes("://")) shown = shown.replace(userinfo, redacted).replace(slashedUserinfo, redacted);
  if (separator.test(shown) && mayNameSecret(shown)) shown = redactAssignments(shown);
  return longNumber.test(shown) ? shown.replace(digits, redactCards) : shown;
}

/** Whether 15 characters stand together as they do in tokens: looks at one of 15 in most texts, where a pattern looks at all. */
function hasLongWord(text: string): boolean {
  let end = shortestToken - 1;
  while (end < text.length) {
    let at = end;
    while (at > end - shortestToken && isTokenCharacter(text.charCodeAt(at))) at -= 1;
    if (at === end - shortestToken) return true;
    end = at + shortestToken;
  }
  return false;
}

/** `-`, `.`, `/`, digits, letters and `_`. */
function isTokenCharacter(code: number): boolean {
  return (code >= 45 && code <= 57) || (code >= 65 && code <= 90) || code === 95 || (code >= 97 && code <= 122);
}

/** True for the number of a payment card: length and prefix of a known issuer (ISO/IEC 7812-1), and a right check digit. */
export function isCardNumber(text: string): boolean {
  if (!cardForm.test(text)) return false;
  let sum = 0;
  for (let place = 0; place < text.length; place += 1) {
    const digit = text.charCodeAt(text.length - 1 - place) - 48;
    sum += place % 2 === 0 ? digit : digit > 4 ? digit * 2 - 9 : digit * 2;
  }
  return sum % 10 === 0;
}

const longestCard = 19;

/** Prefixes keep out times in milliseconds and most numbers that count something. */
const cardForm =
  /^(?:4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|2[2-7]\d{14}|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}|35\d{14}|6(?:011|4[4-9]\d|5\d\d)\d{12}|62\d{14,17}|(?:5018|5020|5038|5893|6304|6759|676[1-3])\d{8,15})$/;

/** Prose speaks of "basic understanding" and a "bearer certificate": credentials look less like words. */
function redactScheme(whole: string, name: string, space: string, value: string, at: number, text: string): string {
  const alone = at === 0 && whole.length === text.length;
  const likely =
    name.toLowerCase() === "basic"
      ? Buffer.from(value, "base64").includes(":") || value.endsWith("=")
      : /\d|[a-z][A-Z]/.test(value) || value.length >= 24;
  return alone || likely ? `${name}${space}${redacted}` : whole;
}

/** A card number may stand in a row with other numbers, so every group of digits is tried as its beginning. */
function redactCards(run: string): string {
  const groups = [...run.matchAll(/\d+/g)];
  for (const [first, { index: start }] of groups.entries()) {
    let number = "";
    for (let last = first; number.length < longestCard && last < groups.length; last += 1) {
      const [group, at] = [groups[last]?.[0] ?? "", groups[last]?.index ?? 0];
      number += group;
      if (isCardNumber(number)) return run.slice(0, start) + redacted + run.slice(at + group.length);
    }
  }
  return run;
}

function redactAssignments(text: string): string {
  let done = "";
  let from = 0;
  for (const match of text.matchAll(assignment)) {
    if (match.index < from) continue;
    const span = findValue(text, match.index, match[1] ?? match[2] ?? "", match.index + match[0].length);
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
): { start: number; end: number } | null {
  const name = decodePercent(rawName);
  const inQuery = nameAt > 0 && "?&".includes(text.charAt(nameAt - 1));
  if (!inQuery && !isSecretName(name, "")) return null;
  const span = findSpan(
    text,
    start,
    inQuery ? parameterValue : /(?:authorization|cookie)$/i.test(name) ? headerValue : plainValue,
  );
  const value = text.slice(span.start, span.end);
  if (value === "" || wordless.test(value.trim())) return null;
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
