/**
 * What patterns are written like that are not patterns of glob.ts: regular expressions, and shell patterns with braces, brackets or
 * `**\/`. All of it stands for itself there, so that a deny written in it denies next to nothing. Pure.
 */

/** A part of a pattern that means something in another language only. */
export interface Foreign {
  readonly part: string;
  /** What to write in its place. */
  readonly hint: string;
}

/** A choice, a quantifier, an anchor or an escape, which neither names nor URIs have. */
const inBoth = [
  /^[\^!]/,
  /\$$/,
  /\\.?/,
  /@?\([^()]*\|[^()]*\)[*+?]?/,
  /\|/,
  /\[(?:[!^][^[\]]*|(?:[a-z]-[a-z]|[A-Z]-[A-Z]|\d-\d)+)\][*+?]?/,
  /\.\+/,
  /\*\*\//,
];
/** `files.*` is a dot and then any run of characters, and `[DRAFT] letter` a title. */
const inNames = join([
  ...inBoth,
  // Not any letters: behind the last slash of `/users/list` stands a word.
  /^\/.+\/[gim]{0,2}$/,
  /\(\?(?:[:=!<]|[a-z]+\))/,
  /[!@+]\([^()]*\)/,
  /\)\+/,
  /(?<=[\w-])\[[^[\]]*\][*+?]?|\[[^[\]]*\](?:[*+?]|(?=[\w-]))/,
  /\{[^{},]*,[^{}]*\}|\{\d+\}|\{[^{}.]+\.\.[^{}.]+\}/,
  /(?<!\w)\.\*/,
]);
/** URIs have parentheses and brackets: `[id].tsx` is a file, as is whatever `.*` matches behind a slash. No URI has a brace. */
const inUris = join([...inBoth, /\{[^{}]*\}/, /(?<=:\/\/)\.\*/]);

function join(parts: readonly RegExp[]): RegExp {
  return new RegExp(parts.map(({ source }) => source).join("|"));
}

/**
 * Finds what a pattern has of another language. What may be meant as it stands is not found: `get.*`, `(monthly)`, and of URIs
 * most that is in brackets.
 */
export function findForeign(pattern: string, of: "name" | "uri"): Foreign | undefined {
  const foreign = of === "name" ? inNames : inUris;
  const [part] = foreign.exec(pattern) ?? [];
  if (part === undefined) return undefined;
  const plain = translate(pattern);
  // A question mark of another language may stand for none as well.
  const isPlain =
    !pattern.includes("?") &&
    plain.length <= maxShown &&
    plain.every((each) => each !== "" && !/[()[\]{}]/.test(each) && !foreign.test(each));
  return { part, hint: isPlain ? `write ${plain.map((each) => JSON.stringify(each)).join(" and ")}` : inGeneral };
}

/** What is wrong with it. @param verb what the pattern is for, such as `denies` */
export function explainForeign({ part }: Foreign, verb: string): string {
  return `${JSON.stringify(part)} stands for itself, so this ${verb} less than it seems to: patterns know * and ? only`;
}

const maxShown = 8;
const inGeneral =
  "write * for any run of characters, ? for exactly one (and for a sign of these that is meant), and one pattern for each of several";

/** The patterns that together match what was meant, as far as that can be said in patterns. */
function translate(pattern: string): string[] {
  const isShell = pattern.includes("{");
  const plain = pattern.replaceAll(/^\^|\$$|\\([-./_])|\.([*+])/g, (text: string, escaped?: string, run?: string) => {
    if (run !== undefined) return isShell ? text : `${run === "+" ? "?" : ""}*`;
    return escaped ?? "";
  });
  return [...new Set(expand([plain]))];
}

const choice = /@?\(([^()]*\|[^()]*)\)|\{([^{},]*,[^{}]*)\}/;

/** A choice within a pattern becomes a pattern for each. Goes no further than what is shown. */
function expand(patterns: readonly string[]): readonly string[] {
  const found = patterns.find((each) => /[(){}|]|\*\*\//.test(each));
  if (found === undefined || patterns.length > maxShown) return patterns;
  const next = expandOne(found);
  return next.length === 0 ? patterns : expand(patterns.flatMap((each) => (each === found ? next : [each])));
}

function expandOne(pattern: string): string[] {
  const [whole, bars, commas] = choice.exec(pattern) ?? [];
  if (whole !== undefined) {
    const options = bars?.split("|") ?? commas?.split(",") ?? [];
    return options.map((option) => pattern.replace(whole, () => option));
  }
  if (pattern.includes("**/")) return ["", "*/"].map((start) => pattern.replace("**/", start));
  if (/^[^()]*\|[^()]*$/.test(pattern)) return pattern.split("|");
  // What a template leaves open.
  const left = pattern.replaceAll(/\{[^{},.\d][^{},.]*\}/g, "*");
  return left === pattern ? [] : [left];
}
