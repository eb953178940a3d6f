/** Reads JSON strictly: text that another parser could read as another structure is refused, not interpreted. */
import { isUtf8 } from "node:buffer";
import { foldName } from "./names.ts";
import { stringEnd, valueSpan } from "./splice.ts";

/** What keeps bytes from being read. */
export type JsonFaultKind = "utf8" | "syntax" | "duplicate_key" | "depth" | "lone_surrogate";

/** Says what is wrong and where, and never quotes what was read. */
export class JsonFault extends Error {
  override readonly name = "JsonFault";
  readonly kind: JsonFaultKind;
  /** Offset in UTF-16 code units, or -1 where it is not known. */
  readonly at: number;

  constructor(kind: JsonFaultKind, at = -1) {
    super(`JSON: ${kind}`);
    this.kind = kind;
    this.at = at;
  }
}

/** What is accepted. */
export interface JsonLimits {
  /** Deepest nesting of objects and arrays; a lone scalar has depth 0. */
  readonly maxDepth: number;
  /** Whether an escaped surrogate without its other half is a fault; parsers replace, keep or refuse it. */
  readonly loneSurrogates: "refuse" | "pass";
}

/** The text and what it says. */
export interface ReadJson {
  readonly text: string;
  readonly value: unknown;
}

const byteOrderMark = 0xfeff;
const quote = 0x22;
const colon = 0x3a;
const openBracket = 0x5b;
const backslash = 0x5c;
const closeBracket = 0x5d;
const lowerU = 0x75;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/**
 * Reads one JSON text (RFC 8259) in UTF-8 without a byte order mark.
 *
 * What is a string already was decoded strictly by whoever read it.
 *
 * Member names are compared after unescaping. `__proto__` is an own member like any other, as `JSON.parse` makes it.
 *
 * @throws JsonFault
 */
export function readJson(source: Uint8Array | string, limits: JsonLimits): ReadJson {
  const text = typeof source === "string" ? source : decode(source);
  const names = countNames(text, limits.maxDepth);
  const value = parse(text);
  // JSON.parse keeps one member of each name, so an object that names one twice ends up with fewer than it wrote.
  if (countMembers(value) !== names) throw new JsonFault("duplicate_key");
  const loneAt = limits.loneSurrogates === "refuse" ? findLoneSurrogate(text) : -1;
  if (loneAt >= 0) throw new JsonFault("lone_surrogate", loneAt);
  return { text, value };
}

/**
 * The source text of a top-level member's value.
 *
 * @param text an object that {@link readJson} accepted
 */
export function memberText(text: string, name: string): string | undefined {
  const span = valueSpan(text, [name]);
  return span && text.slice(span.start, span.end);
}

/** Longest JSON-RPC id, in UTF-16 code units. */
export const maxIdLength = 256;

/**
 * Whether a JSON-RPC id is read alike by every parser: a string of 1 to 256 code units, or an integer that a double holds,
 * written in its plain decimal form (not 1.0, 1e0, -0 or 9007199254740993).
 *
 * @param source the id's own text, from {@link memberText}
 */
export function isPlainId(value: unknown, source: string): boolean {
  if (typeof value === "string") return value.length >= 1 && value.length <= maxIdLength && value.isWellFormed();
  return Number.isSafeInteger(value) && source === String(value);
}

/**
 * Finds a member that some parser takes for one of `names` although it is spelled otherwise: another case, as Go's and
 * C#'s parsers accept, snake_case for camelCase, as pydantic does, or characters that do not show.
 *
 * A long name that is not plain ASCII counts as one: normalizing it costs the square of its length, which is an attack.
 *
 * @param names what decisions rest on; folded once for each set, so pass a constant
 * @returns the member's name as sent
 */
export function findKeyTwin(
  object: Record<string, unknown>,
  names: ReadonlySet<string> | readonly string[],
): string | undefined {
  const { exact, folded } = foldNames(names);
  for (const key of Object.keys(object)) {
    if (exact.has(key)) continue;
    const form = foldKey(key);
    if (form === undefined || folded.has(form)) return key;
  }
  return undefined;
}

/** In UTF-16 code units. A megabyte of names as long as this takes a tenth of a second where all of it are marks out of order. */
const maxFoldedName = 128;

/** {@link foldName} of a member's name; undefined for a long one that might be taken for anything. */
export function foldKey(key: string): string | undefined {
  return key.length <= maxFoldedName || /^[ -~]*$/.test(key) ? foldName(key) : undefined;
}

interface FoldedNames {
  readonly exact: ReadonlySet<string>;
  readonly folded: ReadonlySet<string>;
}

const foldedNames = new WeakMap<object, FoldedNames>();

function foldNames(names: ReadonlySet<string> | readonly string[]): FoldedNames {
  const known = foldedNames.get(names);
  if (known !== undefined) return known;
  const exact = new Set(names);
  const fresh = { exact, folded: new Set(Array.from(exact, foldName)) };
  foldedNames.set(names, fresh);
  return fresh;
}

function decode(bytes: Uint8Array): string {
  if (!isUtf8(bytes)) throw new JsonFault("utf8");
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
  // RFC 8259 section 8.1 lets a parser ignore the mark or take it for an error, so parsers differ.
  if (text.charCodeAt(0) === byteOrderMark) throw new JsonFault("syntax", 0);
  return text;
}

/** The engine's own error quotes the input, so it is dropped. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new JsonFault("syntax");
  }
}

/**
 * Counts the member names of a text: in valid JSON, the colons outside of strings. Runs before the grammar is known to
 * hold, because depth has to be bounded before anything recursive sees the text.
 */
function countNames(text: string, maxDepth: number): number {
  let names = 0;
  let depth = 0;
  let at = 0;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === quote) {
      at = stringEnd(text, at);
      continue;
    }
    if (code === colon) names++;
    else if (code === openBrace || code === openBracket) {
      if (++depth > maxDepth) throw new JsonFault("depth", at);
    } else if (code === closeBrace || code === closeBracket) depth--;
    at++;
  }
  return names;
}

/** Counts the members of every object in a parsed value. */
function countMembers(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  let members = 0;
  if (Array.isArray(value)) {
    for (const element of value) members += countMembers(element);
    return members;
  }
  const object = value as Record<string, unknown>;
  for (const name in object) members += 1 + countMembers(object[name]);
  return members;
}

/** Offset of an escaped surrogate without its other half in valid JSON, or -1; UTF-8 cannot hold an unescaped one. */
function findLoneSurrogate(text: string): number {
  if (!text.includes("\\u") || !/\\u[dD]/.test(text)) return -1;
  for (let at = 0; at < text.length; at++) {
    if (text.charCodeAt(at) !== backslash) continue;
    const half = surrogateAt(text, at);
    if (half === "low" || (half === "high" && surrogateAt(text, at + 6) !== "low")) return at;
    at += half === "high" ? 11 : 1;
  }
  return -1;
}

function surrogateAt(text: string, at: number): "high" | "low" | undefined {
  if (text.charCodeAt(at) !== backslash || text.charCodeAt(at + 1) !== lowerU) return undefined;
  const unit = Number.parseInt(text.slice(at + 2, at + 6), 16);
  if (unit >= 0xd800 && unit <= 0xdbff) return "high";
  return unit >= 0xdc00 && unit <= 0xdfff ? "low" : undefined;
}
