import { type Document, isAlias, isMap, isScalar, LineCounter, type Node, parseDocument } from "yaml";
import { type Excerpt, type Path, type Problem, renderPath, sortProblems } from "./diagnose.ts";
import { findExcess, tooDeep } from "./excess.ts";
import { valueAt } from "./issues.ts";
import { findInScalar } from "./scalar.ts";

const maxDepth = 64;
/** Bounds what a few aliases can be blown up to ("billion laughs"). */
const maxAliasedNodes = 1_000;
const maxExcerpt = 160;
/** Of one kind in one file; whoever made more of them by mistake made one mistake. */
const maxProblems = 100;

/** Characters that a reviewer does not see, or sees in another order than the machine reads them (CVE-2021-42574). */
const invisible = /[\p{Cf}\p{Zl}\p{Zp}]|(?![\t\n\r])\p{Cc}|\r(?!\n)/gu;

interface Place {
  readonly start: number;
  readonly end: number;
  /** Where the key stands that leads here, if one does. */
  readonly key?: number | undefined;
  readonly scalar: boolean;
}

/** What else there is to say about a problem. */
export interface ProblemExtra {
  hint?: string | undefined;
  /** Point at the key instead of the value; mappings and lists are always pointed at by their key. */
  at?: "key" | "value";
  /** Point into the value, which is text: so many UTF-16 code units behind its beginning. */
  offset?: number | undefined;
}

/** A YAML file as plain data that still knows where each piece stood. */
export interface YamlFile {
  readonly file: string;
  /** Maps have no prototype; scalars are as the YAML 1.2 core schema reads them. */
  readonly value: unknown;
  /** Line of what stands at a path, or of its nearest parent; counted from 1. */
  lineOf(path: Path): number;
  /** Hides a value in excerpts from now on. */
  mask(path: Path): void;
  /** A problem at a path, or at the nearest parent that exists. */
  problem(path: Path, message: string, extra?: ProblemExtra): Problem;
}

/**
 * Reads a YAML 1.2 document: one document, core schema, unique string keys, no tags, no directives, bounded aliases.
 * A merge key (`<<`) is a key like any other.
 *
 * @param file the name that problems carry
 * @returns the file, or every syntax problem
 */
export function readYaml(file: string, text: string): YamlFile | Problem[] {
  const lines = new LineCounter();
  const source = new SourceText(file, text, lines);
  const excess = findExcess(text);
  if (excess !== undefined) return [source.problemAt(0, [], excess)];
  const document = parse(text, lines);
  if (document === undefined) return [source.problemAt(0, [], tooDeep)];
  const faults = document.errors.slice(0, maxProblems);
  const problems = firstOfEachLine(
    faults.map(({ pos, message }) => source.syntaxProblem(pos[0], describeError(message))),
  );
  const unseen = [...text.matchAll(invisible)].filter(({ index }) => index > 0 || text[index] !== "\uFEFF");
  const places = firstOnEachLine(unseen, text).slice(0, maxProblems);
  problems.push(...places.map((index) => source.syntaxProblem(index, "invisible or control character")));
  if (document.directives?.yaml.explicit) problems.push(source.syntaxProblem(0, noTags));
  // Of a broken document the parser makes up the rest; what that looks like helps nobody.
  if (document.errors.length > 0) return problems;
  const tree = new Tree(document, source);
  const value = tree.read(document.contents, [], 0, undefined);
  const all = sortProblems([...problems, ...tree.problems]);
  return all.length > 0 ? all : new PlacedFile(file, value, tree.places, source);
}

function firstOnEachLine(matches: readonly { readonly index: number }[], text: string): number[] {
  let lineEnd = -1;
  return matches.flatMap(({ index }) => {
    if (index < lineEnd) return [];
    const end = text.indexOf("\n", index);
    lineEnd = end < 0 ? text.length : end;
    return index;
  });
}

const noTags = "tags and directives are not used here";

function parse(text: string, lineCounter: LineCounter): Document.Parsed | undefined {
  try {
    const options = { version: "1.2", schema: "core", strict: true, uniqueKeys: true, merge: false } as const;
    const document = parseDocument(text, { ...options, prettyErrors: false, logLevel: "error", lineCounter });
    // The parser recurses, and takes the overflow for a fault of the text.
    return document.errors.some(({ message }) => /call stack/i.test(message)) ? undefined : document;
  } catch (error) {
    // Whatever makes a tree of what was parsed recurses as well.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** What the parser says about the rest of a line follows from its first fault. */
function firstOfEachLine(problems: readonly Problem[]): Problem[] {
  return [...new Map(problems.toReversed().map((problem) => [problem.line, problem])).values()].reverse();
}

/** The parser's sentence without the pieces of the source that some of them quote. */
function describeError(message: string): string {
  if (message.startsWith("Source contains multiple documents")) return "expected one YAML document, found several";
  const [sentence = message] = message.replace("The : indicator", "the colon").split(/: |["\\]/);
  return sentence.trim().replace(/^./, (letter) => letter.toLowerCase());
}

class Tree {
  readonly places = new Map<string, Place>();
  readonly problems: Problem[] = [];
  readonly #document: Document.Parsed;
  readonly #source: SourceText;
  #aliasedNodes = 0;

  constructor(document: Document.Parsed, source: SourceText) {
    this.#document = document;
    this.#source = source;
  }

  read(node: Node | null | undefined, path: Path, depth: number, key: number | undefined, aliased = false): unknown {
    const [start, end] = node?.range ?? [key ?? 0, key ?? 0];
    this.places.set(placeKey(path), { start, end, key, scalar: isScalar(node) });
    if (aliased && this.#aliasedNodes++ >= maxAliasedNodes) {
      // A bomb has millions of these; the first says it all.
      if (this.#aliasedNodes === maxAliasedNodes + 1) this.#refuse(start, path, "the aliases expand to too much");
      return null;
    }
    if (depth > maxDepth) return this.#refuse(start, path, "nested too deeply");
    if (isAlias(node)) {
      const anchored = node.resolve(this.#document);
      if (anchored === undefined) return this.#refuse(start, path, "there is no anchor of this name before");
      return this.read(anchored, path, depth + 1, key, true);
    }
    if (node !== null && node !== undefined && "tag" in node && node.tag !== undefined) {
      return this.#refuse(start, path, noTags);
    }
    if (isScalar(node)) return node.value;
    if (isMap(node)) return this.#readMap(node.items, path, depth, aliased);
    if (node === null || node === undefined || !("items" in node)) return null;
    return node.items.map((item, index) => this.read(item as Node, [...path, index], depth + 1, undefined, aliased));
  }

  #readMap(pairs: readonly { key: unknown; value: unknown }[], path: Path, depth: number, aliased: boolean): unknown {
    const result: Record<string, unknown> = Object.create(null);
    for (const { key, value } of pairs) {
      const offset = (key as Node | null)?.range?.[0] ?? 0;
      if (!isScalar(key) || typeof key.value !== "string") {
        this.#refuse(offset, path, "a key must be text; put numbers and words like null in quotes");
      } else if (key.value === "__proto__") {
        this.#refuse(offset, path, "this key is not allowed");
      } else {
        result[key.value] = this.read(value as Node | null, [...path, key.value], depth + 1, offset, aliased);
      }
    }
    return result;
  }

  #refuse(offset: number, path: Path, message: string): null {
    this.problems.push({ ...this.#source.syntaxProblem(offset, message), path: renderPath(path) });
    return null;
  }
}

class PlacedFile implements YamlFile {
  readonly file: string;
  readonly value: unknown;
  readonly #places: ReadonlyMap<string, Place>;
  readonly #source: SourceText;

  constructor(file: string, value: unknown, places: ReadonlyMap<string, Place>, source: SourceText) {
    this.file = file;
    this.value = value;
    this.#places = places;
    this.#source = source;
  }

  lineOf(path: Path): number {
    return this.#source.lines.linePos(this.#find(path).start).line;
  }

  mask(path: Path): void {
    const place = this.#places.get(placeKey(path));
    if (place !== undefined) this.#source.masks.push([place.start, place.end]);
  }

  problem(path: Path, message: string, extra: ProblemExtra = {}): Problem {
    const place = this.#find(path);
    const exact = this.#places.has(placeKey(path));
    // A missing member is reported where its parent is named, and what is about a whole mapping where that is named.
    const atKey = extra.at === "key" || !exact || !place.scalar;
    const offset = atKey ? (place.key ?? place.start) : place.start + this.#within(place, path, extra.offset);
    return this.#source.problemAt(offset, path, message, extra.hint);
  }

  #within({ start, end }: Place, path: Path, offset: number | undefined): number {
    const value = valueAt(this.value, path);
    if (offset === undefined || typeof value !== "string") return 0;
    return findInScalar(this.#source.text.slice(start, end), value, offset);
  }

  #find(path: Path): Place {
    for (let length = path.length; length >= 0; length--) {
      const place = this.#places.get(placeKey(path.slice(0, length)));
      if (place !== undefined) return place;
    }
    return { start: 0, end: 0, scalar: false };
  }
}

class SourceText {
  readonly text: string;
  readonly lines: LineCounter;
  /** Offsets of what excerpts must not show. */
  readonly masks: (readonly [start: number, end: number])[] = [];
  readonly #file: string;

  constructor(file: string, text: string, lines: LineCounter) {
    this.#file = file;
    this.text = text;
    this.lines = lines;
  }

  problemAt(offset: number, path: Path, message: string, hint?: string): Problem {
    return { ...this.#placeAt(offset), path: renderPath(path), message, hint, excerpt: this.#excerpt(offset) };
  }

  /** Where the structure is broken nothing tells which words are secret, so the excerpt keeps the leading key alone. */
  syntaxProblem(offset: number, message: string): Problem {
    const [start, line] = this.#lineAt(offset);
    const [key = ""] = /^[\s-]*[\w-]+:(?=\s|$)/.exec(line) ?? [];
    const text = visible(key + line.slice(key.length).replaceAll(/[^\s:,[\]{}"']/gu, "·"));
    const hint = line.includes("$" + "{") ? `inside { } and [ ] a reference must be in quotes: "\${VAR}"` : undefined;
    return { ...this.#placeAt(offset), path: "", message, hint, excerpt: cut({ text, caret: offset - start }) };
  }

  #placeAt(offset: number): Pick<Problem, "file" | "line" | "column"> {
    const { line, col } = this.lines.linePos(offset);
    return { file: this.#file, line: Math.max(line, 1), column: Math.max(col, 1) };
  }

  #lineAt(offset: number): [start: number, text: string] {
    const start = offset === 0 ? 0 : this.text.lastIndexOf("\n", offset - 1) + 1;
    const end = this.text.indexOf("\n", start);
    const line = this.text.slice(start, end < 0 ? undefined : end).replace(/\r$/, "");
    return [start, line];
  }

  /** As much of the line as an excerpt can show, since some files are one line. */
  #windowAt(offset: number): [start: number, text: string] {
    const [lineStart, line] = this.#lineAt(offset);
    const start = Math.max(lineStart, offset - maxExcerpt);
    return [start, line.slice(start - lineStart, offset - lineStart + maxExcerpt)];
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

function visible(text: string): string {
  return text.replaceAll(invisible, "\uFFFD").replaceAll("\t", " ");
}

function cut({ text, caret }: Excerpt): Excerpt {
  if (text.length <= maxExcerpt) return { text, caret };
  const start = Math.max(0, caret - maxExcerpt / 2);
  const lead = start > 0 ? "…" : "";
  return { text: lead + text.slice(start, start + maxExcerpt), caret: caret - start + lead.length };
}

function placeKey(path: Path): string {
  return JSON.stringify(path);
}
