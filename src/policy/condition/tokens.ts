/** Expressions as a sequence of words, for those that the parser cannot read (cel-spec, Language Definition, Syntax). Pure. */

export interface Token {
  readonly kind: "text" | "word" | "number" | "sign";
  readonly text: string;
  /** Code units from the beginning of the expression. */
  readonly offset: number;
}

const raw = String.raw`(?:rb?|br)(?:"""[^]*?"""|'''[^]*?'''|"[^"\n]*"|'[^'\n]*')`;
const cooked = String.raw`b?(?:"""(?:\\[^]|[^\\])*?"""|'''(?:\\[^]|[^\\])*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')`;
/** Of signs that begin alike the longest; those that CEL lacks are what other languages write. */
const signs = String.raw`===|!==|<>|=>|=~|:=|\?\?|\?\.(?!\d)|&&|\|\||==|!=|<=|>=|[^]`;
const tokenForm = new RegExp(
  [
    String.raw`(?:\s|//[^\n]*)+`,
    `(?<text>${raw}|${cooked}|\`[^\`\\n]*\`)`,
    String.raw`(?<number>(?:0x[\da-f]+|\d+(?:\.\d+)?(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?)u?)`,
    String.raw`(?<word>[a-z_]\w*)`,
    `(?<sign>${signs})`,
  ].join("|"),
  "giu",
);

/** White space and comments are left out. A quote that is never closed is a sign. */
export function readTokens(text: string): Token[] {
  return [...text.matchAll(tokenForm)].flatMap(({ groups = {}, index: offset }) => {
    const [found] = Object.entries(groups).filter(([, part]) => part !== undefined);
    return found === undefined ? [] : { kind: found[0] as Token["kind"], text: found[1] as string, offset };
  });
}

/** Where a comment begins that nothing comes after but comments; undefined where there is none. */
export function findLastComment(text: string): number | undefined {
  if (!text.includes("//")) return undefined;
  const last = readTokens(text).at(-1);
  const at = text.indexOf("//", last === undefined ? 0 : last.offset + last.text.length);
  return at === -1 ? undefined : at;
}
