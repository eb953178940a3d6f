import type * as original from "../../src/audit/write/sink.ts";
import { createWitness } from "./witness.ts";

export * from "../../src/audit/write/sink.ts";

const witness = createWitness("src/audit/write/sink.ts");

/** A sink that keeps nothing: no file, no chain, no waiting. */
export const openAuditSink: typeof original.openAuditSink = async () => ({
  append: async () => witness(),
  declare: async () => {},
  prepare: () => null,
  healthy: true,
  missing: 0,
  queueLength: 0,
  path: "",
  close: async () => {},
});
