import type * as original from "../../src/audit/write/audit-file.ts";
import { createWitness } from "./witness.ts";

export * from "../../src/audit/write/audit-file.ts";

const witness = createWitness("src/audit/write/audit-file.ts");

/** An audit file that keeps nothing: no file, no chain, no waiting. */
export const openAuditFile: typeof original.openAuditFile = async () => ({
  append: async () => witness(),
  declare: async () => {},
  prepare: () => null,
  healthy: true,
  missing: 0,
  queueLength: 0,
  path: "",
  close: async () => {},
});
