import type * as original from "../../src/audit/sink.ts";
import { createWitness } from "./witness.ts";

export * from "../../src/audit/sink.ts";

const witness = createWitness("src/audit/sink.ts");

/** A sink that keeps nothing: no file, no chain, no waiting. */
export const openAuditSink: typeof original.openAuditSink = async () => ({
  append: async () => witness(),
  healthy: true,
  queueLength: 0,
  path: "",
  close: async () => {},
});
