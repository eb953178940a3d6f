/** Where what was opened in a text is closed: quotes and brackets, as JSON and most languages have them. Pure. */

/** The quote that closes one opened with so many backslashes: JSON inside JSON escapes its own quotes with more. */
export function findClosing(text: string, from: number, quote: string, depth: number): number {
  for (let at = text.indexOf(quote, from); at !== -1; at = text.indexOf(quote, at + 1)) {
    let slashes = 0;
    while (at - slashes - 1 >= from && text[at - slashes - 1] === "\\") slashes += 1;
    if (slashes <= depth || (depth === 0 && slashes % 2 === 0)) return at - slashes;
  }
  return text.length;
}

/** Deeper ones are taken for what has no end. */
const deepest = 16;
const sign = /(\\*)(["'`])|[[\]{}]/g;

/**
 * The end of an object or list that begins here. Where one bracket has no other, all that follows could be in it: then it is the end of
 * the text.
 */
export function findStructureEnd(text: string, start: number): number {
  let depth = 0;
  sign.lastIndex = start;
  for (let match = sign.exec(text); match !== null; match = sign.exec(text)) {
    const [found, slashes = "", quote] = match;
    if (quote !== undefined) {
      const end = findClosing(text, sign.lastIndex, quote, slashes.length);
      sign.lastIndex = Math.min(end + found.length, text.length);
    } else {
      depth += found === "[" || found === "{" ? 1 : -1;
      if (depth === 0) return sign.lastIndex;
      if (depth > deepest) break;
    }
  }
  return text.length;
}
