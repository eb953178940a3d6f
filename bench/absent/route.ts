import type { Route } from "../../src/facts.ts";
import * as original from "../../src/stages/route.ts";
import { createWitness } from "./witness.ts";

export * from "../../src/stages/route.ts";

const witness = createWitness("src/stages/route.ts");
let known: Route | undefined;

/** Every request goes where the first one went. */
export const findRoute: typeof original.findRoute = (table, arrival) => {
  witness();
  known ??= original.findRoute(table, arrival);
  return known;
};
