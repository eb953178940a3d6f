import { type Alias, type Document, isAlias, isMap, isScalar, LineCounter, type Node, parseDocument } from "yaml";
import { type Path, type Problem, sortProblems } from "./diagnose.ts";
import { findExcess, tooDeep } from "./excess.ts";
import { valueAt } from "./issues.ts";
import { findInScalar } from "./scalar.ts";
import { type Fault, invisible, SourceText } from "./source.ts";

const maxDepth = 64;
/** Bounds what a few aliases can be blown up to ("billion laughs"). */
const maxAliasedNodes = 1_000;
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
 * @param options `secrets`: whether words of the text may be secret; problems of a broken text show none of them then
 * @returns the file, or every syntax problem
 */
export function readYaml(file: string, text: string, { secrets = true } = {}): YamlFile | Problem[] {
  const lines = new LineCounter();
  const source = new SourceText(file, text, lines, secrets);
  const excess = findExcess(text);
  if (excess !== undefined) return [source.problemAt(0, [], excess)];
  const document = parse(text, lines);
  if (document === undefined) return [source.problemAt(0, [], tooDeep)];
  const tree = new Tree(document.contents, (offset) => lines.linePos(offset).line);
  const faults: Fault[] = document.errors.map(({ pos, message }) => ({
    offset: pos[0],
    message: describeError(message),
    hint: hintAt(message),
  }));
  if (document.directives?.yaml.explicit) faults.push({ offset: 0, message: noTags });
  // Of a broken document the parser makes up the rest; what that looks like helps nobody.
  const isBroken = document.errors.length > 0;
  faults.push(...(isBroken ? tree.faults.filter(({ message }) => message === notUnique) : tree.faults));
  const unseen = [...text.matchAll(invisible)].filter(({ index }) => index > 0 || text[index] !== "\uFEFF");
  const problems = [
    ...source.describe(faults),
    ...source.describe(unseen.map(({ index }) => ({ offset: index, message: "invisible or control character" }))),
  ];
  return problems.length > 0 ? sortProblems(problems) : new PlacedFile(file, tree.value, tree.places, source);
}

const noTags = "tags and directives are not used here";
const quoteStars = 'put * in quotes: "*"';
/** How the parser puts it when a line begins in a column that it cannot place. */
const isIndentation = /^Nested mappings are not allowed|must start at the same column/;
const compareColumns = "does the line begin in the column of those that it belongs to?";
const unclosed = /^Missing closing ['"]/;
const seekQuote = "it was opened on this line or one above, where a text begins with it";

function hintAt(message: string): string | undefined {
  if (message.startsWith("Alias")) return quoteStars;
  if (unclosed.test(message)) return seekQuote;
  return isIndentation.test(message) ? compareColumns : undefined;
}
const notUnique = "map keys must be unique";

function parse(text: string, lineCounter: LineCounter): Document.Parsed | undefined {
  try {
    // The parser compares each key with all others of its mapping, and each alias with every node.
    const options = { version: "1.2", schema: "core", strict: true, uniqueKeys: false, merge: false } as const;
    const document = parseDocument(text, { ...options, prettyErrors: false, logLevel: "error", lineCounter });
    // The parser recurses, and takes the overflow for a fault of the text.
    return document.errors.some(({ message }) => /call stack/i.test(message)) ? undefined : document;
  } catch (error) {
    // Whatever makes a tree of what was parsed recurses as well.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** The parser's sentence without the pieces of the source that some of them quote. */
function describeError(message: string): string {
  if (message.startsWith("Source contains multiple documents")) return "expected one YAML document, found several";
  if (unclosed.test(message)) return "a closing quote is missing";
  const [sentence = message] = message.replace("The : indicator", "the colon").split(/: |["\\]/);
  return sentence.trim().replace(/^./, (letter) => letter.toLowerCase());
}

class Tree {
  readonly places = new Map<string, Place>();
  readonly faults: Fault[] = [];
  readonly value: unknown;
  /** Anchors so far, and what each alias stood for where it is written: an anchor may be given again. */
  readonly #anchors = new Map<string, Node>();
  readonly #anchored = new Map<Alias, Node | undefined>();
  #aliasedNodes = 0;

  readonly #lineOf: (offset: number) => number;

  constructor(root: Node | null, lineOf: (offset: number) => number) {
    this.#lineOf = lineOf;
    this.value = this.#read(root, [], 0, undefined);
  }

  #read(node: Node | null | undefined, path: Path, depth: number, key: number | undefined, aliased = false): unknown {
    const [start, end] = node?.range ?? [key ?? 0, key ?? 0];
    this.places.set(placeKey(path), { start, end, key, scalar: isScalar(node) });
    if (aliased && this.#aliasedNodes++ >= maxAliasedNodes) {
      // A bomb has millions of these; the first says it all.
      if (this.#aliasedNodes === maxAliasedNodes + 1) this.#refuse(start, path, "the aliases expand to too much");
      return null;
    }
    if (depth > maxDepth) return this.#refuse(start, path, "nested too deeply");
    if (isAlias(node)) {
      const anchored = this.#resolve(node);
      if (anchored === undefined)
        return this.#refuse(start, path, "there is no anchor of this name before", quoteStars);
      return this.#read(anchored, path, depth + 1, key, true);
    }
    if (!aliased) this.#anchor(node);
    if (node !== null && node !== undefined && "tag" in node && node.tag !== undefined) {
      return this.#refuse(start, path, noTags);
    }
    if (isScalar(node)) return node.value;
    if (isMap(node)) return this.#readMap(node.items, path, depth, aliased);
    if (node === null || node === undefined || !("items" in node)) return null;
    return node.items.map((item, index) => this.#read(item as Node, [...path, index], depth + 1, undefined, aliased));
  }

  #anchor(node: Node | null | undefined): void {
    if (node !== null && node !== undefined && "anchor" in node && node.anchor !== undefined) {
      this.#anchors.set(node.anchor, node);
    }
  }

  #resolve(alias: Alias): Node | undefined {
    if (!this.#anchored.has(alias)) this.#anchored.set(alias, this.#anchors.get(alias.source));
    return this.#anchored.get(alias);
  }

  #readMap(pairs: readonly { key: unknown; value: unknown }[], path: Path, depth: number, aliased: boolean): unknown {
    const result: Record<string, unknown> = Object.create(null);
    for (const { key, value } of pairs) {
      const offset = (key as Node | null)?.range?.[0] ?? 0;
      if (!isScalar(key) || typeof key.value !== "string") {
        this.#refuse(offset, path, "a key must be text; put numbers and words like null in quotes");
      } else if (key.value === "__proto__") {
        this.#refuse(offset, path, "this key is not allowed");
      } else if (Object.hasOwn(result, key.value)) {
        const first = this.#lineOf(this.places.get(placeKey([...path, key.value]))?.key ?? 0);
        this.#refuse(offset, path, notUnique, `the first one stands on line ${first}`);
      } else {
        if (!aliased) this.#anchor(key);
        result[key.value] = this.#read(value as Node | null, [...path, key.value], depth + 1, offset, aliased);
      }
    }
    return result;
  }

  #refuse(offset: number, path: Path, message: string, hint?: string): null {
    this.faults.push({ offset, path, message, hint });
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

function placeKey(path: Path): string {
  return JSON.stringify(path);
}
