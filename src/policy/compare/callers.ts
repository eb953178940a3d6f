/** Callers as bindings describe them: whoever is a member of `analysts`, whoever is `alice` by `corp`. Pure. */
import type { CompiledBinding } from "../compile.ts";
import type { Selector } from "../explain/findings.ts";
import { describeSelector } from "../explain/words.ts";
import { nobody, type PolicySubject } from "../facts.ts";
import { usualProof } from "../question.ts";
import { selectors } from "../schema.ts";

/** One thing that is known of a caller. */
export interface CallerFact {
  readonly selector: Selector;
  /** Of claims, the one that is meant. */
  readonly claim: string | null;
  readonly value: unknown;
}

/** Somebody of whom only this is known. */
export interface Caller {
  readonly key: string;
  readonly facts: readonly CallerFact[];
  readonly subject: PolicySubject;
}

/** More than this many described callers in one binding nobody can read. */
const maxCallers = 10_000;

/**
 * The callers that a binding is about, one for each combination of its values.
 *
 * @throws Error where there are too many to compare
 */
export function callersOf(binding: CompiledBinding): Caller[] {
  const lists = selectors.flatMap((selector): CallerFact[][] => {
    if (selector === "claims") {
      return binding.claims.map(([claim, values]) => [...values].map((value) => ({ selector, claim, value })));
    }
    const values = binding[selector];
    return values === undefined ? [] : [[...values].map((value) => ({ selector, claim: null, value }))];
  });
  if (lists.reduce((product, list) => product * list.length, 1) > maxCallers) {
    throw new Error(
      `the binding at ${binding.policy} combines more than ${maxCallers} callers: split it to compare it`,
    );
  }
  const combined = lists.reduce<CallerFact[][]>(
    (found, list) => found.flatMap((facts) => list.map((fact) => [...facts, fact])),
    [[]],
  );
  return combined.map(createCaller);
}

function createCaller(facts: readonly CallerFact[]): Caller {
  const known = (wanted: Selector) => facts.find(({ selector }) => selector === wanted)?.value;
  const textOf = (wanted: Selector) => (known(wanted) === undefined ? null : String(known(wanted)));
  const group = textOf("groups");
  const claims = facts.flatMap(({ claim, value }) => (claim === null ? [] : [[claim, value] as const]));
  const [issuer, apiKey] = [textOf("issuers") ?? "", textOf("apiKeys")];
  const subject: PolicySubject = {
    ...nobody,
    issuer,
    subject: textOf("subjects") ?? "",
    client: textOf("clients"),
    via: usualProof(issuer, apiKey),
    apiKey,
    certificate: textOf("certificates"),
    groups: group === null ? [] : [group],
    claims: Object.fromEntries(claims),
  };
  return { key: keyOf(facts), facts, subject };
}

function keyOf(facts: readonly CallerFact[]): string {
  return JSON.stringify(facts.map(({ selector, claim, value }) => [selector, claim, value]));
}

/** Keys of callers of whom less is known, and who are therefore more. */
export function widerKeys({ facts }: Caller): string[] {
  // Of so many facts nobody describes some only.
  if (facts.length > 10) return [];
  const subsets = Array.from({ length: 2 ** facts.length }, (_, mask) => facts.filter((_fact, at) => (mask >> at) & 1));
  return subsets.filter(({ length }) => length > 0 && length < facts.length).map(keyOf);
}

/** `group analysts, issuer corp` */
export function describeCaller({ facts }: Pick<Caller, "facts">): string {
  return facts.map(({ selector, claim, value }) => describeSelector(selector, claim, [value])).join(", ");
}
