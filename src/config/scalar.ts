/** The header of a block scalar: style, indentation and chomping, and maybe a comment (YAML 1.2.2, section 8.1.1). */
const blockHeader = /^[|>][0-9+-]*[ \t]*(?:#[^\n]*)?\r?\n/;

/**
 * Where a character of a scalar's value stands in its source: quotes, escapes, folded lines and indentation make the two differ
 * (YAML 1.2.2, chapters 7 and 8).
 *
 * What is not white space stands in the source in the same order, so it is enough to walk both.
 *
 * @param source the scalar as it is written, from its first character on
 * @param index of the character in the value; its length for the end
 * @returns an offset in `source`
 */
export function findInScalar(source: string, value: string, index: number): number {
  const quoted = source.startsWith('"');
  let at = blockHeader.exec(source)?.[0].length ?? (quoted || source.startsWith("'") ? 1 : 0);
  let found = at;
  for (const letter of value.slice(0, index + 1)) {
    // A letter that is written as its number is nowhere to be found.
    if (/\s/.test(letter) || !source.includes(letter, at)) continue;
    while (at < source.length && !source.startsWith(letter, at)) {
      at += quoted && source[at] === "\\" ? escapeLength(source, at) : 1;
    }
    found = at;
    at += letter.length;
  }
  return Math.min(index < value.length ? found : at, source.length);
}

/** An escape that stands for the letter behind its backslash is that letter. */
function escapeLength(source: string, at: number): number {
  return /["\\/]/.test(source[at + 1] ?? "") ? 1 : 2;
}
