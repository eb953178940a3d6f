/** Where something stands in a parsed file: keys and list indexes from the top. */
export type Path = readonly (string | number)[];

/** One thing that is wrong in a file an operator wrote. */
export interface Problem {
  readonly file: string;
  /** Counted from 1, like `column`. */
  readonly line: number;
  readonly column: number;
  /** `listen.tls.cert`, `roles.reader.allow[0]`; empty for the file as a whole. */
  readonly path: string;
  /** Never quotes a value: it may be a secret or come from the environment. */
  readonly message: string;
  readonly hint?: string | undefined;
  /** The line of the source, secrets masked. */
  readonly excerpt?: Excerpt | undefined;
}

/** A line of the source and the offset in it that a caret points at. */
export interface Excerpt {
  readonly text: string;
  readonly caret: number;
}

/** The configuration cannot be used. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  /** Every problem found, in the order of the files. */
  readonly problems: readonly Problem[];
  /** `unreadable`: the file itself could not be read, so nothing is known about its content. */
  readonly kind: "invalid" | "unreadable";

  /** Absolute paths of files and directories that were read, as far as is known: a change of one may mend it. */
  readonly watched: readonly string[];

  constructor(
    problems: readonly Problem[],
    kind: "invalid" | "unreadable" = "invalid",
    watched: readonly string[] = [],
  ) {
    const first = problems[0];
    const rest = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
    super(first === undefined ? "the configuration is invalid" : `${renderPlace(first)}: ${first.message}${rest}`);
    this.problems = problems;
    this.kind = kind;
    this.watched = watched;
  }
}

/** Every problem as `file:line:column: message`, its source line with a caret below, and the hint. */
export function renderProblems(problems: readonly Problem[]): string {
  return problems.map(renderProblem).join("\n");
}

function renderProblem(problem: Problem): string {
  const lines = [`${renderPlace(problem)}: ${problem.path === "" ? "" : `${problem.path}: `}${problem.message}`];
  if (problem.excerpt !== undefined) {
    const number = String(problem.line);
    const margin = " ".repeat(number.length);
    lines.push(`  ${number} | ${problem.excerpt.text}`, `  ${margin} | ${" ".repeat(problem.excerpt.caret)}^`);
  }
  if (problem.hint !== undefined) lines.push(`  hint: ${problem.hint}`);
  return `${lines.join("\n")}\n`;
}

function renderPlace({ file, line, column }: Problem): string {
  return `${file}:${line}:${column}`;
}

/** `["roles", "a b", "allow", 0]` → `roles["a b"].allow[0]`. */
export function renderPath(path: Path): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === "number") return `${text}[${step}]`;
    if (!/^[\w-]+$/.test(step)) return `${text}[${JSON.stringify(step)}]`;
    return text === "" ? step : `${text}.${step}`;
  }, "");
}

/** The candidate that a misspelt word was probably meant to be: at most two letters away, or a third of its length. */
export function findNearest(word: string, candidates: Iterable<string>): string | undefined {
  const limit = Math.min(2, Math.floor(word.length / 3));
  let best: string | undefined;
  let bestDistance = limit + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) >= bestDistance) continue;
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** The hint for a misspelt word, if one is near. */
export function didYouMean(word: string, candidates: Iterable<string>): string | undefined {
  const nearest = findNearest(word, candidates);
  return nearest === undefined ? undefined : `did you mean "${nearest}"?`;
}

/** Optimal string alignment distance: a swap of two neighbours counts as one. */
function editDistance(a: string, b: string): number {
  let older: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const swap = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1] ? at(older, column - 2) + 1 : Infinity;
      const change = at(previous, column - 1) + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(change, at(previous, column) + 1, at(current, column - 1) + 1, swap));
    }
    [older, previous] = [previous, current];
  }
  return at(previous, b.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Infinity;
}

/** True when one path is the other or leads to it. */
export function arePathsRelated(a: Path, b: Path): boolean {
  const length = Math.min(a.length, b.length);
  return a.slice(0, length).every((step, index) => step === b[index]);
}

/** In the order in which a reader meets them: file by file as first seen, then down the lines. */
export function sortProblems<Kind extends Problem>(problems: readonly Kind[]): Kind[] {
  const files = [...new Set(problems.map(({ file }) => file))];
  return problems.toSorted(
    (a, b) => files.indexOf(a.file) - files.indexOf(b.file) || a.line - b.line || a.column - b.column,
  );
}
