/**
 * Wildcard patterns of the policy: `*` is any run of characters, slashes included, `?` is exactly one character (code
 * point), and everything else is itself. No regular expression is built, so no pattern can make matching explode.
 */

/** A pattern, ready to be matched. */
export interface Glob {
  readonly pattern: string;
  /** True when the pattern has no wildcard. */
  readonly literal: boolean;
  /** Takes at most as many steps as the text's length times the pattern's. */
  matches(text: string): boolean;
}

/** Wildcards among code points, so that an asterisk or question mark in what is matched stays itself. */
const anyRun = -1;
const anyOne = -2;

/** Every text is a pattern; one without a wildcard matches itself only. */
export function compileGlob(pattern: string): Glob {
  if (!/[*?]/.test(pattern)) return { pattern, literal: true, matches: (text) => text === pattern };
  const tokens = readPattern(pattern);
  const prefix = pattern.slice(0, pattern.search(/[*?]/));
  return {
    pattern,
    literal: false,
    matches: (text) => text.startsWith(prefix) && matchTokens(tokens, readText(text)),
  };
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
