/** The text of a condition taken apart, for people to read and to compare. What it means, condition/ alone says. Pure. */

/** A condition, or a part of it between `&&` or `||`. */
export interface ConditionPart {
  /** What is between its parts; null where it has none. */
  readonly joint: "&&" | "||" | null;
  readonly text: string;
  readonly parts: readonly ConditionPart[];
}

/** Takes a condition apart at `&&` and `||`, in their order of precedence (cel-spec, Syntax). */
export function splitCondition(condition: string): ConditionPart {
  const text = unwrap(condition.trim());
  const plain = blankQuotes(text);
  // A choice binds weaker than both.
  const joint = hasChoice(plain) ? undefined : (["||", "&&"] as const).find((each) => cut(plain, each).length > 1);
  if (joint === undefined) return { joint: null, text, parts: [] };
  return { joint, text, parts: cut(plain, joint).map(([from, to]) => splitCondition(text.slice(from, to))) };
}

/** One spelling for conditions that differ in layout, comments, brackets around parts, or the order of parts. */
export function canonicalCondition(condition: string): string {
  return spell(splitCondition(condition));
}

function spell({ joint, text, parts }: ConditionPart): string {
  if (joint === null) return squeeze(text);
  const spelled = parts
    .flatMap((part) => (part.joint === joint ? part.parts : part))
    .map((part) => (part.joint === null ? spell(part) : `(${spell(part)})`));
  return [...new Set(spelled)].sort().join(` ${joint} `);
}

/** Without comments, and without white space except where words would run together. For comparison only. */
function squeeze(text: string): string {
  const quotes = (text.match(quoted) ?? []).filter((found) => !found.startsWith("//"));
  let next = 0;
  return text
    .replaceAll(quoted, (found) => (found.startsWith("//") ? " " : '""'))
    .replaceAll(/\s+/g, " ")
    .replaceAll(/ ?([^\w ]) ?/g, "$1")
    .trim()
    .replaceAll('""', () => quotes[next++] ?? "");
}

/** Quoted texts, raw ones first since a backslash in them is itself, and comments (cel-spec, Lexis). */
const quoted =
  /\b[bB]?[rR][bB]?(?:"""[\s\S]*?"""|'''[\s\S]*?'''|"[^"\n]*"|'[^'\n]*')|"""(?:\\[\s\S]|[^\\])*?"""|'''(?:\\[\s\S]|[^\\])*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|\/\/[^\n]*/g;

/** The same text with underscores for what stands in quotes, and blanks for comments: offsets stay. */
export function blankQuotes(text: string): string {
  return text.replaceAll(quoted, (found) => (found.startsWith("//") ? " " : "_").repeat(found.length));
}

/** Without brackets that hold all of it. */
function unwrap(text: string): string {
  const plain = blankQuotes(text);
  if (!plain.startsWith("(") || closingOf(plain, 0) !== plain.trimEnd().length - 1) return text;
  return unwrap(text.slice(1, plain.trimEnd().length - 1).trim());
}

function closingOf(plain: string, open: number): number {
  let depth = 0;
  for (let at = open; at < plain.length; at += 1) {
    depth += depthChange(plain.charAt(at));
    if (depth === 0) return at;
  }
  return -1;
}

function depthChange(letter: string): number {
  if ("([{".includes(letter)) return 1;
  return ")]}".includes(letter) ? -1 : 0;
}

function hasChoice(plain: string): boolean {
  return cut(plain, "?").length > 1;
}

/** The stretches between a sign that stands outside of all brackets. */
function cut(plain: string, sign: string): (readonly [from: number, to: number])[] {
  const pieces: [number, number][] = [];
  let depth = 0;
  let from = 0;
  for (let at = 0; at < plain.length; at += 1) {
    depth += depthChange(plain.charAt(at));
    if (depth !== 0 || !plain.startsWith(sign, at)) continue;
    pieces.push([from, at]);
    at += sign.length - 1;
    from = at + 1;
  }
  pieces.push([from, plain.length]);
  return pieces;
}
