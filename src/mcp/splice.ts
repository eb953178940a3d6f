/**
 * Edits JSON as text, so that whatever is not edited survives byte for byte: number text (2^53+1, 1e400, -0), the order
 * of members, unknown members, escapes and white space.
 *
 * Every function takes text that json.ts accepted: valid JSON whose objects name no member twice. Paths are member names
 * from the root down; an empty path is the root. Nothing here descends into the elements of an array by index.
 */

/** Where a value stands in a text: its first character, and the one after its last (UTF-16 code units). */
export interface Span {
  readonly start: number;
  readonly end: number;
}

const space = 0x20;
const quote = 0x22;
const comma = 0x2c;
const backslash = 0x5c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/** The span of the value at `path`, or undefined where there is none. */
export function valueSpan(text: string, path: readonly string[]): Span | undefined {
  let start = skipSpace(text, 0);
  for (const name of path) {
    const member = findMember(text, start, name);
    if (member === undefined) return undefined;
    start = member.value;
  }
  return { start, end: valueEnd(text, start) };
}

/** The spans of the elements of the array at `path`; undefined where the path is absent or holds no array. */
export function elementSpans(text: string, path: readonly string[]): Span[] | undefined {
  const array = valueSpan(text, path);
  if (array === undefined || text.charCodeAt(array.start) !== openBracket) return undefined;
  const spans: Span[] = [];
  let at = skipSpace(text, array.start + 1);
  while (at < array.end - 1) {
    const end = valueEnd(text, at);
    spans.push({ start: at, end });
    at = skipSpace(text, skipSpace(text, end) + 1);
  }
  return spans;
}

/**
 * The text without the elements that `keep` marks false, and without one comma for each of them.
 *
 * @param keep one entry for each element of the array at `path`
 * @throws RangeError as {@link editElements}
 */
export function removeElements(text: string, path: readonly string[], keep: readonly boolean[]): string {
  return editElements(text, path, keep, (source, kept) => (kept ? source : undefined));
}

/**
 * The text with each element of the array at `path` as `edit` has it: as it was, as another text, or, where that is
 * undefined, gone with one comma.
 *
 * @param values one entry for each element, handed to `edit` beside the element's source
 * @throws RangeError when there is no array at `path` or `values` does not fit it, since a filter that missed its array
 *   must not let the text through
 */
export function editElements<Value>(
  text: string,
  path: readonly string[],
  values: readonly Value[],
  edit: (source: string, value: Value) => string | undefined,
): string {
  const spans = elementSpans(text, path);
  if (spans?.length !== values.length) throw new RangeError("the values do not fit the array");
  const first = spans[0];
  const last = spans.at(-1);
  if (first === undefined || last === undefined) return text;
  let edited = "";
  let gapStart = first.start;
  for (const [index, value] of values.entries()) {
    const { start, end } = spans[index] ?? first;
    const element = edit(text.slice(start, end), value);
    // The gap before an element holds its comma; the first one that stays must have none.
    if (element !== undefined) edited += edited === "" ? element : text.slice(gapStart, start) + element;
    gapStart = end;
  }
  return text.slice(0, first.start) + edited + text.slice(last.end);
}

/**
 * The text with the value at `path` replaced. Where the last name of the path is absent, it is added as the last member
 * of its object; where that object is absent too, the text stays as it is.
 *
 * @param jsonText the new value, as JSON
 */
export function setMember(text: string, path: readonly string[], jsonText: string): string {
  const old = valueSpan(text, path);
  if (old !== undefined) return text.slice(0, old.start) + jsonText + text.slice(old.end);
  const parent = valueSpan(text, path.slice(0, -1));
  const name = path.at(-1);
  if (parent === undefined || name === undefined || text.charCodeAt(parent.start) !== openBrace) return text;
  const close = parent.end - 1;
  const separator = skipSpace(text, parent.start + 1) === close ? "" : ",";
  return `${text.slice(0, close)}${separator}${JSON.stringify(name)}:${jsonText}${text.slice(close)}`;
}

/** The text without the member at `path` and without one comma; the same text where there is no such member. */
export function removeMember(text: string, path: readonly string[]): string {
  const parent = valueSpan(text, path.slice(0, -1));
  const name = path.at(-1);
  const member = parent && name !== undefined ? findMember(text, parent.start, name) : undefined;
  if (member === undefined) return text;
  const end = valueEnd(text, member.value);
  const after = skipSpace(text, end);
  if (text.charCodeAt(after) === comma) return text.slice(0, member.name) + text.slice(skipSpace(text, after + 1));
  let before = member.name - 1;
  while (text.charCodeAt(before) <= space) before--;
  return text.slice(0, text.charCodeAt(before) === comma ? before : member.name) + text.slice(end);
}

/**
 * The index after the string that opens at `start`, or the length of the text when nothing closes it. Safe on text that
 * is not JSON.
 */
export function stringEnd(text: string, start: number): number {
  let close = text.indexOf('"', start + 1);
  while (close >= 0 && isEscaped(text, close)) close = text.indexOf('"', close + 1);
  return close >= 0 ? close + 1 : text.length;
}

/** A quote in a string is escaped by an odd run of backslashes before it. */
function isEscaped(text: string, at: number): boolean {
  let runStart = at;
  while (text.charCodeAt(runStart - 1) === backslash) runStart--;
  return (at - runStart) % 2 === 1;
}

/** Where the name and the value of a member start. */
interface Member {
  readonly name: number;
  readonly value: number;
}

/** The member `name` of what opens at `object`; undefined where that is no object or has no such member. */
function findMember(text: string, object: number, name: string): Member | undefined {
  if (text.charCodeAt(object) !== openBrace) return undefined;
  let at = skipSpace(text, object + 1);
  while (text.charCodeAt(at) === quote) {
    const nameEnd = stringEnd(text, at);
    const value = skipSpace(text, skipSpace(text, nameEnd) + 1);
    if (readName(text, at, nameEnd) === name) return { name: at, value };
    at = skipSpace(text, skipSpace(text, valueEnd(text, value)) + 1);
  }
  return undefined;
}

function readName(text: string, start: number, end: number): unknown {
  const raw = text.slice(start + 1, end - 1);
  return raw.includes("\\") ? JSON.parse(text.slice(start, end)) : raw;
}

function valueEnd(text: string, start: number): number {
  const first = text.charCodeAt(start);
  if (first === quote) return stringEnd(text, start);
  if (first === openBrace || first === openBracket) return containerEnd(text, start);
  let at = start;
  while (at < text.length && !endsScalar(text.charCodeAt(at))) at++;
  return at;
}

function containerEnd(text: string, start: number): number {
  let depth = 0;
  let at = start;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === quote) {
      at = stringEnd(text, at);
      continue;
    }
    at++;
    if (code === openBrace || code === openBracket) depth++;
    else if ((code === closeBrace || code === closeBracket) && --depth === 0) return at;
  }
  return at;
}

function endsScalar(code: number): boolean {
  return code === comma || code === closeBrace || code === closeBracket || code <= space;
}

/** JSON's white space is all below or at U+0020, and valid text has nothing else there outside of strings. */
function skipSpace(text: string, start: number): number {
  let at = start;
  while (text.charCodeAt(at) <= space) at++;
  return at;
}
