import type { Decision } from "../../src/facts.ts";
import * as original from "../../src/stages/policy.ts";
import { createWitness } from "./witness.ts";

export * from "../../src/stages/policy.ts";

const witness = createWitness("src/stages/policy.ts");
let known: Decision | undefined;

/** What was decided first holds for everything. */
export const decide: typeof original.decide = (...given) => {
  witness();
  known ??= original.decide(...given);
  return known;
};
