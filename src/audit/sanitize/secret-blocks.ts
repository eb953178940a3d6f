/** Values of YAML that take several lines: literal and folded scalars (YAML 1.2.2 section 8.1). Pure. */

/** As it is, as it shows, and as JSON has it. */
export const lineBreak = "(?:\\\\u\\{d\\}|\\r|\\\\{1,8}r)?(?:\\\\u\\{a\\}|\\n|\\\\{1,8}n)";
const head = new RegExp(`[|>][-+\\d]{0,2} {0,8}(?=${lineBreak})`, "y");
const line = new RegExp(`${lineBreak}( *)(?=(${lineBreak})?)`, "g");

/** Where a block ends that begins here: before the first line that stands further left than its own. Null if there is none. */
export function findBlockEnd(text: string, start: number): number | null {
  head.lastIndex = start;
  return head.test(text) ? findLinesEnd(text, head.lastIndex) : null;
}

/** Where the lines end that begin with this line break, before the first one that stands further left than they do. */
export function findLinesEnd(text: string, start: number): number {
  let indent: number | null = null;
  line.lastIndex = start;
  for (let next = line.exec(text); next !== null; next = line.exec(text)) {
    const [, spaces = "", empty] = next;
    // Empty lines belong to it, wherever they end.
    if (empty !== undefined || line.lastIndex === text.length) continue;
    if (indent !== null && spaces.length < indent) return next.index;
    indent ??= spaces.length;
  }
  return text.length;
}
