import type * as original from "../../src/mcp/json.ts";
import { createWitness } from "./witness.ts";

export * from "../../src/mcp/json.ts";

const witness = createWitness("src/mcp/json.ts");

/** Reads JSON as Node does: the last of several members counts, at any depth. */
export const readJson: typeof original.readJson = (source) => {
  witness();
  const text = typeof source === "string" ? source : Buffer.from(source).toString();
  return { text, value: JSON.parse(text) };
};
