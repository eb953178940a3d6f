import type { Problem } from "../config/diagnose.ts";
import type { PolicySource } from "./load.ts";

/** What bindings may give together: each has a list of its own of the rules of its roles. */
const maxGiven = 1_000_000;

/**
 * Finds bindings that multiply with what roles inherit into more than can be held.
 *
 * @returns the binding that goes beyond it, in the order of the files
 */
export function checkFanout(sources: readonly PolicySource[]): Problem[] {
  const roles = new Map<string, { readonly inherits: readonly string[]; readonly weight: number }>();
  for (const { policy } of sources) {
    for (const [name, { inherits, allow, deny }] of Object.entries(policy.roles)) {
      roles.set(name, { inherits, weight: 1 + allow.length + deny.length });
    }
  }
  const known = new Map<string, number>();
  let given = 0;
  for (const source of sources) {
    for (const [index, { roles: names }] of source.policy.bindings.entries()) {
      const key = JSON.stringify(names);
      const weight = known.get(key) ?? weigh(names);
      known.set(key, weight);
      given += weight;
      if (given <= maxGiven) continue;
      const message = `the bindings up to here give more than ${maxGiven} roles and rules, inherited ones counted each time`;
      const hint = "bind several groups or subjects at once, and fewer roles";
      return [source.problem(["bindings", index, "roles"], message, { hint })];
    }
  }
  return [];

  function weigh(names: readonly string[]): number {
    const reached = new Set(names);
    let weight = 0;
    // What is added while going on is gone through as well.
    for (const name of reached) {
      const role = roles.get(name);
      weight += role?.weight ?? 0;
      for (const parent of role?.inherits ?? []) reached.add(parent);
    }
    return weight;
  }
}
