import type { GlobShape } from "../../mcp/glob.ts";
import type { TargetKind } from "../compile.ts";
import { kindKeys, type WrittenRule } from "./inventory.ts";

/**
 * Rules by how their patterns begin. A pattern covers only those that begin as it does itself, so that of thousands of rules, which a
 * gateway compares at each reload, few need to be compared with each other.
 */
export class PrefixIndex {
  readonly #rules = new Map<string, WrittenRule[]>();
  readonly #lengths = new Set<number>();

  constructor(rules: readonly WrittenRule[]) {
    for (const rule of rules) {
      const keys = kindKeys.flatMap(([kind]) => rule.shapes[kind].map(({ prefix }) => keyOf(kind, prefix)));
      for (const key of new Set(keys)) {
        const known = this.#rules.get(key);
        if (known === undefined) this.#rules.set(key, [rule]);
        else known.push(rule);
      }
      for (const [kind] of kindKeys) for (const { prefix } of rule.shapes[kind]) this.#lengths.add(prefix.length);
    }
  }

  /** Of the rules that may cover a pattern, the first in the order of the program that is as asked. */
  find(kind: TargetKind, { prefix }: GlobShape, isIt: (rule: WrittenRule) => boolean): WrittenRule | undefined {
    let first: WrittenRule | undefined;
    for (const length of this.#lengths) {
      if (length > prefix.length) continue;
      const found = this.#rules.get(keyOf(kind, prefix.slice(0, length)))?.find(isIt);
      if (found !== undefined && (first === undefined || found.rule.order < first.rule.order)) first = found;
    }
    return first;
  }
}

function keyOf(kind: TargetKind, prefix: string): string {
  return `${kind} ${prefix}`;
}
