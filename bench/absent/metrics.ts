import * as original from "../../src/observe/metrics.ts";
import { createWitness } from "./witness.ts";

export * from "../../src/observe/metrics.ts";

const witness = createWitness("src/observe/metrics.ts");

/** Counts no visits and no records. */
export const createMetrics: typeof original.createMetrics = (version, sources) => ({
  ...original.createMetrics(version, sources),
  visitClosed: witness,
  auditWritten() {},
});
