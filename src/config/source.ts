/** Places in the text of a file, as a reader is shown them. */
import type { LineCounter } from "yaml";
import { type Excerpt, type Path, type Problem, renderPath } from "./diagnose.ts";

const maxExcerpt = 160;
/** Of one kind in one file; whoever made more of them by mistake made one mistake. Each costs an excerpt. */
const maxProblems = 100;

/** Characters that a reviewer does not see, or sees in another order than the machine reads them (CVE-2021-42574). */
export const invisible = /[\p{Cf}\p{Zl}\p{Zp}]|(?![\t\n\r])\p{Cc}|\r(?!\n)/gu;

/** What is wrong with the YAML itself. */
export interface Fault {
  readonly offset: number;
  readonly path?: Path;
  readonly message: string;
  readonly hint?: string | undefined;
}

const quoteReference = `inside { } and [ ] a reference must be in quotes: "\${VAR}"`;
/** Much of what conditions are made of means something to YAML as well. */
const takesCondition = /(?:^|[\s{,])when:\s/;
const quoteCondition = "put the whole condition in ' ', or below when: >-";

export class SourceText {
  readonly text: string;
  readonly lines: LineCounter;
  /** Offsets of what excerpts must not show. */
  readonly masks: (readonly [start: number, end: number])[] = [];
  readonly #file: string;
  readonly #hasSecrets: boolean;

  constructor(file: string, text: string, lines: LineCounter, hasSecrets: boolean) {
    this.#file = file;
    this.#hasSecrets = hasSecrets;
    this.text = text;
    this.lines = lines;
  }

  problemAt(offset: number, path: Path, message: string, hint?: string): Problem {
    return { ...this.#placeAt(offset), path: renderPath(path), message, hint, excerpt: this.#excerpt(offset) };
  }

  /** Where the structure is broken nothing tells which words are secret, so the excerpt keeps the leading key alone. */
  #syntaxProblem({ offset, message, path = [], hint }: Fault): Problem {
    const [start, line] = this.#windowAt(offset);
    const text = visible(this.#hasSecrets ? hideWords(line, this.#isLineStart(start)) : line);
    const isReference = this.#hasSecrets && line.includes("$" + "{");
    const quotes = isReference ? quoteReference : takesCondition.test(line) ? quoteCondition : undefined;
    const excerpt = cut({ text, caret: offset - start });
    return { ...this.#placeAt(offset), path: renderPath(path), message, hint: hint ?? quotes, excerpt };
  }

  /** What follows a fault on its line mostly follows from it, and so does more than anybody would read. */
  describe(faults: readonly Fault[]): Problem[] {
    const lines = new Set<number>();
    const firsts = faults.filter(({ offset }) => {
      const { line } = this.lines.linePos(offset);
      return !lines.has(line) && lines.add(line);
    });
    const left = firsts.length - maxProblems;
    return firsts.slice(0, maxProblems).map((fault, index) => {
      const problem = this.#syntaxProblem(fault);
      const isLast = index === maxProblems - 1 && left > 0;
      return isLast ? { ...problem, message: `${fault.message} (and ${left} more lines)` } : problem;
    });
  }

  #placeAt(offset: number): Pick<Problem, "file" | "line" | "column"> {
    const { line, col } = this.lines.linePos(offset);
    return { file: this.#file, line: Math.max(line, 1), column: Math.max(col, 1) };
  }

  #isLineStart(offset: number): boolean {
    return offset === 0 || this.text[offset - 1] === "\n";
  }

  /** As much of the line as an excerpt can show, since some files are one line, and one more before to be cut off. */
  #windowAt(offset: number): [start: number, text: string] {
    const earliest = Math.max(0, offset - maxExcerpt - 1);
    const start = earliest + this.text.slice(earliest, offset).lastIndexOf("\n") + 1;
    const [line = ""] = this.text.slice(start, offset + maxExcerpt).split(/\r?\n/, 1);
    return [start, line.replace(/\r$/, "")];
  }

  #excerpt(offset: number): Excerpt {
    const [lineStart, line] = this.#windowAt(offset);
    let text = "";
    let caret = offset - lineStart;
    let at = lineStart;
    for (const [start, end] of this.masks.toSorted((a, b) => a[0] - b[0])) {
      const from = Math.max(start, at);
      const to = Math.min(end, lineStart + line.length);
      if (from >= to) continue;
      text += this.text.slice(at, from);
      if (offset >= from) caret = offset < to ? text.length : caret + "[redacted]".length - (to - from);
      text += "[redacted]";
      at = to;
    }
    return cut({ text: visible(text + this.text.slice(at, lineStart + line.length)), caret });
  }
}

/** In the middle of a line nothing tells a key from what is in a text. */
function hideWords(line: string, isLineStart: boolean): string {
  const [key = ""] = isLineStart ? (/^[\s-]*[\w-]+:(?=\s|$)/.exec(line) ?? []) : [];
  return key + line.slice(key.length).replaceAll(/[^\s:,[\]{}"']/gu, "·");
}

function visible(text: string): string {
  return text.replaceAll(invisible, "\uFFFD").replaceAll("\t", " ");
}

function cut({ text, caret }: Excerpt): Excerpt {
  if (text.length <= maxExcerpt) return { text, caret };
  const start = Math.max(0, caret - maxExcerpt / 2);
  const lead = start > 0 ? "…" : "";
  return { text: lead + text.slice(start, start + maxExcerpt), caret: caret - start + lead.length };
}
