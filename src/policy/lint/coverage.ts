/** Rules without effect: what they say is forbidden anyway, or said by another rule that everyone who has them has as well. */
import { coversShape, type GlobShape } from "../../mcp/glob.ts";
import type { Period } from "../clock.ts";
import type { CompiledRule } from "../compile.ts";
import { findingAt, type Lint } from "./finding.ts";
import { type Inventory, kindKeys, type WrittenRule } from "./inventory.ts";
import { PrefixIndex } from "./prefixes.ts";

export function findCovered(inventory: Inventory): Lint[] {
  const hasBoth = compareHolders(inventory);
  const held = inventory.rules.filter(({ given }) => given.size > 0);
  const allows = held.filter(({ rule }) => rule.effect === "allow");
  const denials = held.filter(({ rule }) => rule.effect === "deny");
  const [allowing, denying] = [new PrefixIndex(allows), new PrefixIndex(denials)];
  return [
    ...allows.flatMap((allow) => findOverruled(allow, denying, hasBoth)),
    ...allows.flatMap((rule) => findRedundant(rule, allowing, hasBoth)),
    ...denials.flatMap((rule) => findRedundant(rule, denying, hasBoth)),
  ];
}

/** The whole rule where nothing of it is left, else its patterns of which nothing is. */
function findOverruled(allow: WrittenRule, denials: PrefixIndex, hasBoth: Comparison): Lint[] {
  const { source, path, shapes } = allow;
  const patterns = kindKeys.flatMap(([kind, key]) =>
    shapes[kind].map((shape, index) => ({ kind, shape, place: [...path, key, index] })),
  );
  const dead = patterns.flatMap(({ kind, shape, place }) => {
    const deny = denials.find(
      kind,
      shape,
      (each) =>
        isNoNarrower(each, allow, true) &&
        each.shapes[kind].some((one) => coversShape(one, shape)) &&
        hasBoth(each, allow),
    );
    return deny === undefined ? [] : [{ deny, place }];
  });
  const told = dead.length === patterns.length ? dead.slice(0, 1).map(({ deny }) => ({ deny, place: path })) : dead;
  return told.map(({ deny, place }) => {
    const message = `this allows nothing: ${nameOf(deny)} denies all of it to everyone who has this rule`;
    return findingAt(source, place, "rule_overruled", message);
  });
}

/** Of rules that say the same, all but the first. */
function findRedundant(one: WrittenRule, rules: PrefixIndex, hasBoth: Comparison): Lint[] {
  // What says all that it says says the first of it.
  const [first] = kindKeys.flatMap(([kind]) => one.shapes[kind].slice(0, 1).map((shape) => ({ kind, shape })));
  if (first === undefined) return [];
  const other = rules.find(
    first.kind,
    first.shape,
    (each) => covers(each, one, hasBoth) && (each.rule.order < one.rule.order || !covers(one, each, hasBoth)),
  );
  if (other === undefined) return [];
  const lost = conditionals.filter((key) => one.rule.text[key] !== undefined && other.rule.text[key] === undefined);
  const verb = one.rule.effect === "allow" ? "allows" : "denies";
  const rest = lost.length === 0 ? "" : `, without ${lost.join(", ")}`;
  const message = `this adds nothing: ${nameOf(other)} ${verb} all of it to everyone who has this rule${rest}`;
  return [findingAt(one.source, one.path, "rule_redundant", message)];
}

function covers(one: WrittenRule, other: WrittenRule, hasBoth: Comparison): boolean {
  const shapes = (kind: GlobShape[] | readonly GlobShape[], inner: readonly GlobShape[]) =>
    inner.every((shape) => kind.some((each) => coversShape(each, shape)));
  return (
    kindKeys.every(([kind]) => shapes(one.shapes[kind], other.shapes[kind])) &&
    isNoNarrower(one, other, false) &&
    hasBoth(one, other)
  );
}

const conditionals = ["when", "hours", "require", "limit"] as const;

/**
 * Whether a rule holds wherever another one does, patterns and periods aside.
 *
 * @param always it has to hold without any condition, instead of the same one at most
 */
function isNoNarrower({ rule: one }: WrittenRule, { rule: other }: WrittenRule, always: boolean): boolean {
  const isNone = (key: (typeof conditionals)[number]) => one.text[key] === undefined;
  const isSame = (key: (typeof conditionals)[number]) =>
    JSON.stringify(one.text[key]) === JSON.stringify(other.text[key]);
  return conditionals.every((key) => isNone(key) || (!always && isSame(key))) && other.servers.isSubsetOf(one.servers);
}

/** Whether everyone who has the other rule has the one as well, for as long, and in force if that one is. */
type Comparison = (one: WrittenRule, other: WrittenRule) => boolean;

/** Pairs of ways to be given are compared once, where that takes longer than to look it up: many rules are given like many others. */
function compareHolders({ bindings }: Inventory): Comparison {
  const known = new Map<string, boolean>();
  const compare: Comparison = (one, other) => {
    for (const [at, narrower] of other.given) {
      const found = bindings[at]?.implied.some((index) => {
        const rule = one.given.get(index);
        return rule !== undefined && isInForce(rule, narrower) && isWithin(narrower.period, rule.period);
      });
      if (found !== true) return false;
    }
    return true;
  };
  return (one, other) => {
    if (other.given.size <= fewBindings) return compare(one, other);
    const key = `${one.givenLike} ${other.givenLike}`;
    const found = known.get(key) ?? compare(one, other);
    known.set(key, found);
    return found;
  };
}

const fewBindings = 8;

function isInForce(one: CompiledRule, other: CompiledRule): boolean {
  return !one.shadow || other.shadow;
}

function isWithin(inner: Period, outer: Period): boolean {
  return outer.fromMs <= inner.fromMs && inner.untilMs <= outer.untilMs;
}

function nameOf({ rule }: WrittenRule): string {
  return `${rule.name} (${rule.policy})`;
}
