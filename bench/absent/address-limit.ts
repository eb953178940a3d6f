import type * as original from "../../src/stages/limits.ts";
import { createWitness } from "./witness.ts";

export * from "../../src/stages/limits.ts";

const witness = createWitness("src/stages/limits.ts");

/** Counts nothing. */
export const limitAddress: typeof original.limitAddress = async () => witness();
