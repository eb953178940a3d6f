/**
 * What stands where a secret would and is none: the name of where it is kept (`process.env.DB_PASSWORD`, `${{ secrets.TOKEN }}`), its type, a
 * parameter of a statement, a word of a sentence. Without it source would lose a part of every other line. Pure.
 */
import { gap, mark } from "./secret-mark.ts";
import { isSecretName } from "./secret-names.ts";

/** Digits and other signs are left to passwords. */
const name = "[A-Za-z_]{1,40}";
const group = "(?:\\((?:[^()]|\\([^()]{0,80}\\)){0,160}\\)|\\[[^[\\]]{1,80}\\])";
/** Where a value in source ends. */
const ends = "(?=[\\s,;:)\\]}|\\\\\"'`]|$)";

/** A call, an index or a path to a member, and so on; in brackets alone a tuple. */
const expression = new RegExp(
  `(?!${mark})(?:(?:await|new|yield) )?(?:\\((?=${gap}{0,4}["'])(?:[^()]|\\([^()]{0,80}\\)){0,160}\\)|${name}(?:(?:\\??\\.|::|->)${name}|${group}){1,8}!?)${ends}`,
  "y",
);
const inQuotes = /(["'`])((?:(?!\1)[^\\]){0,160})\1/g;
const capitals = /^[A-Z][A-Z0-9_]{1,63}$/;

/** Templates of shells, YAML, Actions and Jinja, parameters of statements, and what documents have in place of a secret. */
const reference = new RegExp(
  `(?:\\$\\{\\{[^{}]{1,128}\\}\\}|\\{\\{[^{}]{1,128}\\}\\}|\\$\\{[A-Za-z_][\\w.]{0,64}\\}|\\$[A-Z_][A-Z0-9_]{1,64}|\\$\\d{1,2}|\\?|%s|%\\(\\w{1,64}\\)s|:[a-z_]*pass[a-z_]*|\\$\\([^()]{1,160}\\)|<[a-z][a-z _-]{1,40}>|\\*{3,64}|\\{\\}|\\[\\])${ends}`,
  "y",
);
const type =
  /(?:string|str|String|char|text|bytes|number|int|bool|boolean|unknown|undefined|null|None|object|function)(?=[\s,;:)|\]}>=?!\\"'`]|$)/y;
const proseWord =
  /(?:an?|the|your|our|we|must|should|can|may|is|are|was|has|not|no|none|see|use|choose|enter|required|optional|missing|invalid|incorrect|wrong|unset|expired)(?=[\s,;.!?\\]|$)/y;

/** Behind a reference: what is taken where it is not set. */
const otherwise = new RegExp(`${gap}{0,4}(?:\\|\\||\\?\\?|or)${gap}{0,4}(?=["'\`])`, "y");

/** The end of an expression of source that begins here; null if none does. */
export function findExpressionEnd(text: string, start: number): number | null {
  expression.lastIndex = start;
  return expression.test(text) ? expression.lastIndex : null;
}

/** The end of a reference, type or word that begins here and is no secret; null if none does. */
export function findHarmlessEnd(text: string, start: number, inProse: boolean): number | null {
  for (const form of inProse ? [reference, type, proseWord] : [reference, type]) {
    form.lastIndex = start;
    if (form.test(text)) return form.lastIndex;
  }
  const end = findExpressionEnd(text, start);
  return end !== null && onlyRefers(text.slice(start, end)) ? end : null;
}

/** Where the quoted value begins that stands in for a reference with this end; null if there is none. */
export function findOtherwise(text: string, end: number): number | null {
  otherwise.lastIndex = end;
  return otherwise.test(text) ? otherwise.lastIndex : null;
}

/** A path refers to a secret if it names one; what is in quotes might be one, unless it names one. */
function onlyRefers(code: string): boolean {
  for (const [, , quoted = ""] of code.matchAll(inQuotes)) {
    if (quoted !== "" && !capitals.test(quoted) && !isSecretName(quoted, "")) return false;
  }
  return /[([]/.test(code)
    ? !code.startsWith("(")
    : code.split(/\W+/).some((step) => /^(?:this|self)$/.test(step) || isSecretName(step, ""));
}
