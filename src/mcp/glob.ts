/**
 * Wildcard patterns of the policy: `*` is any run of characters, slashes included, `?` is exactly one character (code
 * point), and everything else is itself. No regular expression is built, so no pattern can make matching explode.
 */

/** A pattern, ready to be matched. */
export interface Glob {
  readonly pattern: string;
  /** True when the pattern has no wildcard. */
  readonly literal: boolean;
  /** Goes through the text about once; where a piece of the pattern repeats itself, at most once for each of its characters. */
  matches(text: string): boolean;
}

/** Wildcards among code points, so that an asterisk or question mark in what is matched stays itself. */
const anyRun = -1;
const anyOne = -2;

/** Every text is a pattern; one without a wildcard matches itself only. */
export function compileGlob(pattern: string): Glob {
  if (!/[*?]/.test(pattern)) return { pattern, literal: true, matches: (text) => text === pattern };
  const [first = [], ...others] = pattern.split("*").map((piece) => piece.split("?"));
  const last = others.pop();
  if (last === undefined) return { pattern, literal: false, matches: (text) => endOf(first, text, 0) === text.length };
  const between = others.filter((piece) => piece.length > 1 || piece[0] !== "");
  return { pattern, literal: false, matches: (text) => matchPieces(first, between, last, text) };
}

/** What stands between two runs of a pattern: literals with one character of any kind between each and the next. */
type Piece = readonly string[];

/** Both ends are fixed, and each piece between them is best off where it fits first. */
function matchPieces(first: Piece, between: readonly Piece[], last: Piece, text: string): boolean {
  let at = endOf(first, text, 0);
  if (at === -1) return false;
  const end = startOf(last, text);
  if (end < at) return false;
  for (const piece of between) {
    at = find(piece, text, at);
    if (at === -1 || at > end) return false;
  }
  return true;
}

/** Where a piece ends that stands at a place in the text; -1 where it does not. */
function endOf(piece: Piece, text: string, start: number): number {
  let at = start;
  for (let index = 0; index < piece.length; index++) {
    const literal = piece[index] ?? "";
    if (index > 0) {
      if (at >= text.length) return -1;
      at += splitsPair(text, at + 1) ? 2 : 1;
    }
    if (!text.startsWith(literal, at)) return -1;
    at += literal.length;
    if (splitsPair(text, at)) return -1;
  }
  return at;
}

/** Where a piece begins that the text ends with; -1 where it does not. */
function startOf(piece: Piece, text: string): number {
  let at = text.length;
  for (let index = piece.length - 1; index >= 0; index--) {
    const literal = piece[index] ?? "";
    if (literal.length > at || !text.endsWith(literal, at)) return -1;
    at -= literal.length;
    if (splitsPair(text, at)) return -1;
    if (index === 0) return at;
    if (at === 0) return -1;
    at -= splitsPair(text, at - 1) ? 2 : 1;
  }
  return at;
}

/** Where a piece ends that stands first at or behind a place in the text; -1 where there is none. */
function find(piece: Piece, text: string, from: number): number {
  const [literal = ""] = piece;
  for (let at = text.indexOf(literal, from); at !== -1; at = at < text.length ? text.indexOf(literal, at + 1) : -1) {
    const end = splitsPair(text, at) ? -1 : endOf(piece, text, at);
    if (end !== -1) return end;
  }
  return -1;
}

/** Whether a place in a text is in the middle of a code point. */
function splitsPair(text: string, at: number): boolean {
  return at > 0 && (text.charCodeAt(at) & 0xfc00) === 0xdc00 && (text.charCodeAt(at - 1) & 0xfc00) === 0xd800;
}

/**
 * Whether some expansion of a URI template matches: what decides if a caller may see the template.
 *
 * Each expression counts as any string, which is more than RFC 6570 lets it expand to: a yes may be too generous, a no is
 * certain. A brace that nothing closes counts as an expression to the end.
 *
 * @param uriTemplate in the form of names.ts, canonicalTemplate
 */
export function globOverlapsTemplate(glob: Glob, uriTemplate: string): boolean {
  const pattern = readPattern(glob.pattern);
  const template = readTemplate(uriTemplate);
  if (!pattern.includes(anyRun)) return matchTokens(template, pattern);
  if (!template.includes(anyRun)) return matchTokens(pattern, template);
  // Where both have a run, each run can take in what the other has in its middle: only the ends can disagree.
  return startsAgree(pattern, template) && startsAgree(pattern.toReversed(), template.toReversed());
}

/**
 * Whether every expansion of a URI template matches: what decides if a deny hides the template. A yes is certain; a no may
 * be too careful.
 *
 * @param uriTemplate in the form of names.ts, canonicalTemplate
 */
export function globCoversTemplate(glob: Glob, uriTemplate: string): boolean {
  return matchTokens(readPattern(glob.pattern), readTemplate(uriTemplate));
}

/** A pattern as it is compared with other patterns. */
export interface GlobShape {
  /** What stands before the first wildcard, and behind the last one. */
  readonly prefix: string;
  readonly suffix: string;
  readonly tokens: readonly number[];
}

/** Patterns that differ only in the order of neighbouring wildcards have the same tokens. */
export function shapeOf({ pattern }: Glob): GlobShape {
  const [prefix = ""] = /^[^*?]*/.exec(pattern) ?? [];
  const [suffix = ""] = /[^*?]*$/.exec(pattern) ?? [];
  // `*?`, `?*` and `?**` mean the same, and are compared in one form.
  const ordered = pattern.replaceAll(/[*?]{2,}/g, (wildcards) => {
    const ones = wildcards.replaceAll("*", "");
    return ones.length < wildcards.length ? `${ones}*` : ones;
  });
  return { prefix, suffix, tokens: readPattern(ordered) };
}

/** Whether everything that the other pattern matches is matched by this one. A yes is certain; a no may be too careful. */
export function coversShape(one: GlobShape, other: GlobShape): boolean {
  // Says no to most pairs, without a look at each token.
  if (!other.prefix.startsWith(one.prefix) || !other.suffix.endsWith(one.suffix)) return false;
  return matchTokens(one.tokens, other.tokens, takesOne);
}

function readPattern(pattern: string): number[] {
  return readText(pattern).map((point) => {
    if (point === 0x2a) return anyRun;
    return point === 0x3f ? anyOne : point;
  });
}

function readTemplate(uriTemplate: string): number[] {
  const pieces = uriTemplate.match(/\{[^}]*\}?|[^{]+/g) ?? [];
  return pieces.flatMap((piece) => (piece.startsWith("{") ? [anyRun] : readText(piece)));
}

/** The code points of a text. */
function readText(text: string): number[] {
  const points: number[] = [];
  for (let at = 0; at < text.length; at++) {
    const point = text.codePointAt(at) ?? 0;
    if (point > 0xffff) at++;
    points.push(point);
  }
  return points;
}

/**
 * Matches greedily: after a mismatch only the last run of the pattern needs to take one token more, since whatever an earlier
 * run could take, the last one can take as well. A run in `text` is taken by a run of the pattern only.
 */
function matchTokens(pattern: readonly number[], text: readonly number[], fits = isSameOne): boolean {
  let inPattern = 0;
  let inText = 0;
  let afterRun = -1;
  let runEnd = 0;
  while (inText < text.length) {
    if (pattern[inPattern] === anyRun) {
      afterRun = ++inPattern;
      runEnd = inText;
    } else if (fits(pattern[inPattern], text[inText])) {
      inPattern++;
      inText++;
    } else if (afterRun >= 0) {
      inPattern = afterRun;
      inText = ++runEnd;
    } else return false;
  }
  while (pattern[inPattern] === anyRun) inPattern++;
  return inPattern === pattern.length;
}

/** Whether two patterns that both have a run agree up to the first one. */
function startsAgree(one: readonly number[], other: readonly number[]): boolean {
  for (let at = 0; one[at] !== anyRun && other[at] !== anyRun; at++) {
    if (!isSameOne(one[at], other[at])) return false;
  }
  return true;
}

function isSameOne(one: number | undefined, other: number | undefined): boolean {
  if (one === undefined || other === undefined || one === anyRun || other === anyRun) return false;
  return one === other || one === anyOne || other === anyOne;
}

/** Whether a token of a pattern takes whatever one of another pattern may stand for. */
function takesOne(one: number | undefined, other: number | undefined): boolean {
  return other !== anyRun && (one === anyOne || one === other);
}
