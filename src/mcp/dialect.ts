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

/** What neither a name nor a URI has. */
const inBoth = [
  // Anchors and a leading negation: `^get_`, `_file$`, `!delete_*`.
  /^[\^!]/,
  /\$$/,
  // An escape: `read\.file`.
  /\\.?/,
  // A choice: `(get|list)_*`, `get|list`.
  /@?\([^()]*\|[^()]*\)[*+?]?/,
  /\|/,
  // A class of characters: `[!a]`, `[a-z]+`.
  /\[(?:[!^][^[\]]*|(?:[a-z]-[a-z]|[A-Z]-[A-Z]|\d-\d)+)\][*+?]?/,
  // Any character, once or more: `get.+`.
  /\.\+/,
  // Any depth of folders: `**/secrets`.
  /\*\*\//,
];
/** What names do not have besides. They do have `files.*`, a dot and then any run of characters, and `[DRAFT] letter`, a title. */
const inNames = join([
  ...inBoth,
  // An expression between slashes: `/^get/i`. Not with any letters behind it: `/users/list` ends in a word.
  /^\/.+\/[gim]{0,2}$/,
  // Groups of regular expressions and of shells: `(?:get)`, `@(get)`, `(get)+`.
  /\(\?(?:[:=!<]|[a-z]+\))/,
  /[!@+]\([^()]*\)/,
  /\)\+/,
  // A class that touches a word or a quantifier: `file[12]`, `[12]*`.
  /(?<=[\w-])\[[^[\]]*\][*+?]?|\[[^[\]]*\](?:[*+?]|(?=[\w-]))/,
  // Braces: `{get,list}_*`, `a{3}`, `v{1..3}`.
  /\{[^{},]*,[^{}]*\}|\{\d+\}|\{[^{}.]+\.\.[^{}.]+\}/,
  // Any run of characters: `.*`, but not `get.*`.
  /(?<!\w)\.\*/,
]);
/**
 * What URIs do not have besides: braces, and `.*` for a host. They do have parentheses and brackets, as in the file `[id].tsx`, and
 * `.*` behind the slash of a path is any hidden file.
 */
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
