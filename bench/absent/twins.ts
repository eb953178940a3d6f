import type * as original from "../../src/mcp/json.ts";
import { createWitness } from "./witness.ts";

export * from "../../src/mcp/json.ts";

const witness = createWitness("src/mcp/json.ts");

/** No member looks like another. */
export const findKeyTwin: typeof original.findKeyTwin = () => {
  witness();
  return undefined;
};
