/**
 * What stands where a secret would and is none: the name of where it is kept (`process.env.DB_PASSWORD`, `${{ secrets.TOKEN }}`), its type, a
 * parameter of a statement, a word of a sentence. Without it source would lose a part of every other line. Pure.
 */
import { gap, mark } from "./secret-mark.ts";
import { isSecretName } from "./secret-names.ts";

/** Digits and other signs are left to passwords. */
const name = "[A-Za-z_]{1,40}";
const group = "(?:\\((?:[^()]|\\([^()]{0,80}\\)){0,160}\\)|\\[[^[\\]]{1,80}\\])";
/** Where a value in source ends, with what may close what it stands in. A password goes on behind each of these signs. */
const ends = `(?=[,;:)\\]}>]{0,8}(?:${gap}|\\\\{1,8}[nrt"'\`]|["'\`]|$))`;

/** A call, an index or a path to a member, and so on; in brackets alone a tuple; what a shell runs. */
const expression = new RegExp(
  `(?!${mark})(?:(?:(?:await|new|yield) )?(?:\\((?=${gap}{0,4}["'])(?:[^()]|\\([^()]{0,80}\\)){0,160}\\)|${name}(?:(?:\\??\\.|::|->)${name}|${group}){1,8}!?)|\\$\\([^()]{1,160}\\))${ends}`,
  "y",
);
const inQuotes = /(["'`])((?:(?!\1)[^\\]){0,160})\1/g;
const capitals = /^[A-Z][A-Z0-9_]{1,63}$/;

/**
 * Templates of shells, YAML, Actions, Jinja and Python: a reference if what they name is a secret. `$ECRET` might be one itself, and so
 * might what is in quotes: `{{ '…' | password_hash }}`.
 */
const template = new RegExp(
  `(?:\\$?\\{\\{([\\w .|()-]{1,128})\\}\\}|\\$\\{([A-Za-z_][\\w.]{0,64})\\}|\\$([A-Z_][A-Z0-9_]{1,64})|%\\((\\w{1,64})\\)s)${ends}`,
  "y",
);
/** Parameters of statements, what a shell runs, and what documents have in place of a secret, in words that nobody would choose for one. */
const reference = new RegExp(
  `(?:\\$\\d{1,2}|\\?|%s|:(?:[a-z]{1,12}_){0,2}(?:pass|password|passwd|secret|token)(?:_hash)?|\\$\\((?!echo |printf )[a-z][\\w./-]{0,40} [^()"'\`]{1,120}\\)|<(?:(?:your|my|the|new|old|db|database|user|client|admin|root|api|access|auth|secret)[ _-]){0,3}(?:password|passphrase|passwd|secret|token|key|value|hidden|masked|redacted)>|\\*{3,64}|\\{\\}|\\[\\])${ends}`,
  "y",
);
const type = new RegExp(
  `(?:string|str|String|char|text|bytes|number|int|bool|boolean|unknown|undefined|null|None|object|function)${ends}`,
  "y",
);
const proseWord = new RegExp(
  `(?:an?|the|your|our|we|must|should|can|may|is|are|was|has|not|no|none|see|use|choose|enter|required|optional|missing|invalid|incorrect|wrong|unset|expired)(?=[.!?]?(?:[,;)]?${gap}|$))`,
  "y",
);

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
  template.lastIndex = start;
  const named = template.exec(text)?.slice(1).join("");
  if (named !== undefined) return isSecretName(named, "") ? template.lastIndex : null;
  const end = findExpressionEnd(text, start);
  return end !== null && onlyRefers(text.slice(start, end)) ? end : null;
}

/** Where the quoted value begins that stands in for a reference with this end; null if there is none. */
export function findOtherwise(text: string, end: number): number | null {
  otherwise.lastIndex = end;
  return otherwise.test(text) ? otherwise.lastIndex : null;
}

/** Where source has what it was given. Passphrases of words with dots between begin otherwise. */
const given =
  /^(?:await )?(?:this|self|process\??\.env|import\.meta\.env|os\.environ|env|environ|req|request|res|response|ctx|context|event|e|body|params|query|headers|data|form|formData|input|values|props|state|opts|options|args|config|settings|secrets|credentials|creds|user|account|var|local|vault)(?:\b|_)/;
/** What functions do that make or find a secret. Nothing else tells a call from a password with brackets. */
const makes =
  /^(?:(?:await|new|yield) )?(?:\w+(?:\??\.|::|->)){0,4}(?:get|getpass|getenv|read|load|fetch|find|create|make|generate|next|sign|hash|encrypt|decrypt|encode|decode|parse|prompt|use|issue|mint)(?![a-z])\w*\(/;

/** `lexer.next_token()`, `useState()`. */
const compound = /^\w*[._A-Z]/;

/** A path or call refers to a secret if it names one and begins as such do; what is in quotes might be one, unless it names where one is kept. */
function onlyRefers(code: string): boolean {
  for (const [, , quoted = ""] of code.matchAll(inQuotes)) {
    if (quoted !== "" && !(capitals.test(quoted) && isSecretName(quoted, ""))) return false;
  }
  const names = code.split(/\W+/).some((step) => isSecretName(step, "") || step === "getpass");
  if (!code.includes("(")) return names && given.test(code);
  return makes.test(code) ? names || compound.test(code) : names && /^[A-Z]\w*\(\)$/.test(code);
}
