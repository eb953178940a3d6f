/**
 * What was probably meant by an expression that cannot be read. The parser says only from where on it is at a loss; most such
 * expressions are sound in another language. Pure.
 */
import { functions } from "./signatures.ts";
import { readTokens, type Token } from "./tokens.ts";

/** Where an expression goes wrong, in code units from its beginning, and what to write instead. */
export interface Slip {
  readonly offset: number;
  readonly hint: string;
}

/**
 * @param text that cannot be read
 * @param failedAt where the parser gave up: it has understood everything before, but for the last word
 */
export function findSlip(text: string, failedAt: number): Slip | undefined {
  const tokens = readTokens(text);
  const brackets = pairBrackets(tokens);
  const failed = tokens.findIndex(({ offset }) => offset >= failedAt);
  const from = Math.max(0, (failed === -1 ? tokens.length : failed) - 1);
  for (const judge of [judgeToken, judgeBracket, judgeNeighbours]) {
    for (const [at, token] of tokens.entries()) {
      const hint = at < from && judge !== judgeBracket ? undefined : judge(token, tokens, at, brackets);
      if (hint !== undefined) return { offset: token.offset, hint };
    }
  }
  return undefined;
}

/** What CEL writes for a word of other languages. */
export function hintForWord(word: string): string | undefined {
  const meant = words.get(word.toLowerCase());
  return meant === undefined || meant === word ? undefined : `CEL writes ${meant} for ${word}`;
}

const choice = "a ? b : c";
const words = new Map([
  ["and", "&&"],
  ["or", "||"],
  ["not", "!"],
  ["is", "=="],
  ["if", choice],
  ["then", choice],
  ["else", choice],
  ["like", "x.matches(y)"],
  ["true", "true"],
  ["false", "false"],
  ["null", "null"],
  ["nil", "null"],
  ["none", "null"],
  ["undefined", "null"],
]);

const signs = new Map([
  ["=", "=="],
  ["===", "=="],
  [":=", "=="],
  ["!==", "!="],
  ["<>", "!="],
  ["&", "&&"],
  ["|", "||"],
  ["=~", "x.matches(y)"],
  ["~", "x.matches(y)"],
  ["#", "//"],
  ["??", "has(a.b) ? a.b : c"],
]);

const noText = "text stands between ' and ', or \" and \"";
const otherSigns = new Map([
  ["?.", "CEL has no ?. of its own: ask with has(…) first"],
  ["=>", "CEL writes >= for =>, and list.exists(x, …) where => makes a function"],
  [";", "a condition is one expression; && joins two"],
  ["'", "this quote is never closed"],
  ['"', "this quote is never closed"],
  ...["“", "”", "„", "‘", "’", "`"].map((quote) => [quote, noText] as const),
]);

type Judge = (token: Token, all: readonly Token[], at: number, brackets: Brackets) => string | undefined;

const judgeToken: Judge = (token, all, at, brackets) => {
  const [before, next] = [all[at - 1], all[at + 1]];
  if (before?.text === "." && token.kind !== "sign") return undefined;
  if (token.kind === "text") return token.text.startsWith("`") ? noText : undefined;
  if (token.kind === "word") return judgeWord(token, before, next);
  if (token.kind !== "sign") return undefined;
  if (token.text === "?" && !hasColon(at, all, brackets)) return `CEL writes ${choice}: a : is missing`;
  if (token.text === "," && brackets.groups.has(brackets.within[at] as Token)) return "a list stands between [ and ]";
  const meant = signs.get(token.text);
  return meant === undefined
    ? (otherSigns.get(token.text) ?? judgeOperator(token, before, next))
    : `CEL writes ${meant} for ${token.text}`;
};

function judgeWord(token: Token, before: Token | undefined, next: Token | undefined): string | undefined {
  const { text } = token;
  if (text === "in") return judgeOperator(token, before, next);
  if (endsOperand(before)) {
    if (text === "not" && next?.text === "in") return "CEL writes !(x in y) for x not in y";
    if (text === "is" && next?.text === "not") return "CEL writes != for is not";
    return functions.get(text)?.method ? `write x.${text}(y)` : hintForWord(text);
  }
  return text === "if" || startsOperand(next) ? hintForWord(text) : undefined;
}

const unary = new Set(["!", "-"]);
/** What stands between two operands and nowhere else. */
const binary = new Set(["&&", "||", "==", "!=", "<", "<=", ">", ">=", "+", "*", "/", "%", "in", "?", ":"]);
const opening = new Map([
  ["(", ")"],
  ["[", "]"],
  ["{", "}"],
]);
const closing = new Set(opening.values());

/** What an operator stands between. */
function judgeOperator({ text }: Token, before: Token | undefined, next: Token | undefined): string | undefined {
  if (text === "." && next?.kind === "text") return 'write x["y"] for a member of any name';
  if (text === ".") return next?.kind === "word" ? undefined : "a name is missing after .";
  if (!binary.has(text) && !unary.has(text)) return undefined;
  const ends = next === undefined || closing.has(next.text) || next.text === "," || binary.has(next.text);
  if (ends) return `something is missing after ${text}`;
  const begins = before === undefined || opening.has(before.text) || before.text === ",";
  return begins && binary.has(text) ? `something is missing before ${text}` : undefined;
}

/** Brackets and what they belong to. */
interface Brackets {
  readonly wrong: ReadonlyMap<Token, string>;
  /** The innermost one that is open at each token. */
  readonly within: readonly (Token | undefined)[];
  /** Round ones that are not those of a call. */
  readonly groups: ReadonlySet<Token>;
}

function pairBrackets(tokens: readonly Token[]): Brackets {
  const open: Token[] = [];
  const wrong = new Map<Token, string>();
  const groups = new Set<Token>();
  const within = tokens.map((token, at) => {
    const inner = open.at(-1);
    if (opening.has(token.text)) {
      open.push(token);
      const before = tokens[at - 1];
      if (token.text === "(" && (before?.kind !== "word" || before.text === "in")) groups.add(token);
    }
    if (closing.has(token.text)) {
      const opened = open.pop();
      if (opened === undefined) wrong.set(token, `this ${token.text} closes nothing`);
      else if (opening.get(opened.text) !== token.text)
        wrong.set(token, `this closes a ${opened.text} with ${token.text}`);
    }
    return inner;
  });
  for (const token of open) wrong.set(token, `this ${token.text} is never closed`);
  return { wrong, within, groups };
}

/** Whether a `:` comes after it in the same brackets. */
function hasColon(at: number, all: readonly Token[], { within }: Brackets): boolean {
  return all.some(({ text }, index) => index > at && text === ":" && within[index] === within[at]);
}

const judgeBracket: Judge = (token, _all, _at, { wrong }) => wrong.get(token);

/** Two values with nothing between them. */
const judgeNeighbours: Judge = (token, all, at) => {
  const before = all[at - 1];
  if (!endsOperand(before) || !startsOperand(token) || token.text === "(") return undefined;
  if (all[at - 2]?.text === "." && functions.get(before.text)?.method) return `write x.${before.text}(y)`;
  if (before.kind === "number" && /^(?:h|m|s|ms|us|ns)$/.test(token.text))
    return `write duration("${before.text}${token.text}")`;
  return "an operator is missing before this";
};

function startsOperand(token: Token | undefined): token is Token {
  if (token === undefined) return false;
  return token.kind === "sign" ? token.text === "(" || token.text === "!" : token.text !== "in";
}

function endsOperand(token: Token | undefined): token is Token {
  if (token === undefined) return false;
  return token.kind === "sign" ? closing.has(token.text) : token.text !== "in";
}
