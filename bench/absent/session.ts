import type { Session } from "../../src/facts.ts";
import * as original from "../../src/stages/session.ts";
import { createWitness } from "./witness.ts";

export * from "../../src/stages/session.ts";

const witness = createWitness("src/stages/session.ts");
let known: Session | undefined;

/** Every message belongs where the first one did. */
export const openSession: typeof original.openSession = (rules, arrival, route, identity, message) => {
  witness();
  known ??= original.openSession(rules, arrival, route, identity, message);
  return known;
};
