/**
 * JSON as conditions see it. Left to itself the evaluator would take an object with a member `$typeName` for a message of
 * protobuf, which hides its other members, refuse one with a member `constructor`, and take a member that is null for none.
 */
import { type CelInput, type CelMap, celList, celMap } from "@bufbuild/cel";
import { foldKey } from "../../mcp/json.ts";

/** Deeper than any body that is let in; a token is not bounded otherwise. */
const maxDepth = 1_000;

/** @throws RangeError for what is nested too deeply, TypeError for what is no JSON; to a condition both are errors */
export function readValue(json: unknown, depth = 0): CelInput {
  if (json === null || typeof json === "string" || typeof json === "number" || typeof json === "boolean") return json;
  if (typeof json !== "object") throw new TypeError("this is no JSON");
  if (depth >= maxDepth) throw new RangeError("this is nested too deeply");
  if (Array.isArray(json)) return celList(json.map((each) => readValue(each, depth + 1)));
  return mapOf(Object.entries(json).map(([name, each]) => [name, readValue(each, depth + 1)]));
}

/** A map that has what it was given, and nothing of what objects inherit. */
export function mapOf(members: Iterable<readonly [string, CelInput]>): CelMap {
  const held = new Map(members);
  const map = celMap(held);
  map.has = (key) => typeof key === "string" && held.has(key);
  return map;
}

/** Names whose look-alikes matter. */
export interface KnownNames {
  readonly exact: ReadonlySet<string>;
  /** As {@link foldKey} gives them. */
  readonly folded: readonly string[];
  /** Whether any other name may matter as well. */
  readonly any: boolean;
}

/** Folding a name takes about a microsecond. */
const maxNames = 10_000;

/** The names of all members within a value, so that each is folded once however many conditions ask. */
export class MemberNames {
  readonly #spellings = new Map<string, string[]>();
  /** Too many, or too long, to say that none of them looks like another. */
  #unclear = false;
  /** Two of them look alike, whatever they are. */
  #ambiguous = false;

  constructor(json: unknown) {
    const names = namesIn(json);
    this.#unclear = names.size > maxNames;
    for (const name of this.#unclear ? [] : names) {
      const folded = foldKey(name);
      if (folded === undefined) this.#unclear = true;
      else if (!this.#spellings.has(folded)) this.#spellings.set(folded, [name]);
      else {
        this.#spellings.get(folded)?.push(name);
        this.#ambiguous = true;
      }
    }
  }

  /** Whether there is a member that only looks like one of these: a server may take it for that one. */
  hasTwin({ exact, folded, any }: KnownNames): boolean {
    const isTwin = (name: string) => !exact.has(name);
    if (any && this.#ambiguous) return true;
    return this.#unclear || folded.some((each) => this.#spellings.get(each)?.some(isTwin) === true);
  }
}

const namesRead = new WeakMap<object, MemberNames>();

/** The same arguments are asked about again: for each target of a message, and with the rules in shadow. */
export function memberNamesOf(json: unknown): MemberNames {
  if (typeof json !== "object" || json === null) return new MemberNames(json);
  const known = namesRead.get(json) ?? new MemberNames(json);
  namesRead.set(json, known);
  return known;
}

/** Each once; what comes after too many of them is not looked at. */
function namesIn(json: unknown): ReadonlySet<string> {
  const names = new Set<string>();
  const pending = [json];
  while (pending.length > 0 && names.size <= maxNames) {
    const next = pending.pop();
    if (typeof next !== "object" || next === null) continue;
    if (!Array.isArray(next)) for (const name of Object.keys(next)) names.add(name);
    for (const each of Object.values(next)) if (typeof each === "object") pending.push(each);
  }
  return names;
}

/** Whether there are more than so many values within a value, itself included; looks no further than that. */
export function holdsMoreThan(most: number, value: unknown): boolean {
  const pending: unknown[] = [value];
  let seen = 0;
  for (let next = pending.pop(); seen <= most; next = pending.pop()) {
    seen += 1;
    if (typeof next === "object" && next !== null) {
      const inner = Array.isArray(next) ? next : Object.values(next);
      if (seen + pending.length + inner.length > most) return true;
      for (const each of inner) pending.push(each);
    }
    if (pending.length === 0) return false;
  }
  return true;
}
