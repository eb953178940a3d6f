/** Counts what happened, by what it was, in bounded memory. Pure. */

/** When something of a kind happened, and how often. */
export interface Tallied<Kind> {
  readonly what: Kind;
  readonly count: number;
  /** ISO 8601. */
  readonly first: string;
  readonly last: string;
  /** Request ids of some. */
  readonly examples: readonly string[];
}

/** An event as it is counted. */
export interface Happening {
  readonly time: string;
  readonly id: string | null;
}

interface Open<Kind> {
  readonly what: Kind;
  count: number;
  first: string;
  last: string;
  examples: string[];
}

const maxExamples = 3;

/** Counts up to so many kinds of happenings. */
export class Tally<Kind> {
  readonly #found = new Map<string, Open<Kind>>();
  readonly #maxKinds: number;
  /** Counted, but of kinds beyond those that are kept. */
  beyond = 0;

  constructor(maxKinds = 10_000) {
    this.#maxKinds = maxKinds;
  }

  add(what: Kind, { time, id }: Happening): void {
    const key = JSON.stringify(what);
    const open = this.#found.get(key);
    if (open === undefined) {
      if (this.#found.size >= this.#maxKinds) this.beyond += 1;
      else this.#found.set(key, { what, count: 1, first: time, last: time, examples: id === null ? [] : [id] });
      return;
    }
    open.count += 1;
    if (time < open.first) open.first = time;
    if (time > open.last) open.last = time;
    if (id !== null && open.examples.length < maxExamples) open.examples.push(id);
  }

  /** The most frequent first. */
  list(): readonly Tallied<Kind>[] {
    return [...this.#found.values()].sort((a, b) => b.count - a.count || (a.first < b.first ? -1 : 1));
  }
}
