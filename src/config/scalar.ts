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
  const style = source[0] ?? "";
  let at = blockHeader.exec(source)?.[0].length ?? (style === '"' || style === "'" ? 1 : 0);
  let found = at;
  let passed = 0;
  for (const letter of value) {
    if (passed > index) break;
    passed += letter.length;
    if (/\s/.test(letter)) continue;
    const next = findLetter(source, style, letter, at);
    if (next === undefined) continue;
    found = next.at;
    at = next.at + next.length;
  }
  return Math.min(index < value.length ? found : at, source.length);
}

function findLetter(
  source: string,
  style: string,
  letter: string,
  from: number,
): { at: number; length: number } | undefined {
  for (let at = from; at < source.length; ) {
    const written = readLetter(source, style, at);
    if (written.letter === letter) return { at, length: written.length };
    at += written.length;
  }
  return undefined;
}

interface Written {
  /** What stands there for it; nothing where it is white space, or a part of the layout. */
  readonly letter: string;
  readonly length: number;
}

function readLetter(source: string, style: string, at: number): Written {
  if (style === "'" && source.startsWith("''", at)) return { letter: "'", length: 2 };
  if (style === '"' && source[at] === "\\") return readEscape(source, at);
  const letter = String.fromCodePoint(source.codePointAt(at) ?? 0);
  return { letter, length: letter.length };
}

/** Digits of the escapes that name a character by its number. */
const digits: ReadonlyMap<string, number> = new Map([
  ["x", 2],
  ["u", 4],
  ["U", 8],
]);

function readEscape(source: string, at: number): Written {
  const kind = source[at + 1] ?? "";
  const count = digits.get(kind);
  if (count === undefined) return { letter: /["\\/]/.test(kind) ? kind : "", length: 2 };
  const point = Number.parseInt(source.slice(at + 2, at + 2 + count), 16);
  return { letter: point <= 0x10ffff ? String.fromCodePoint(point) : "", length: 2 + count };
}
