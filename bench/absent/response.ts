import type * as original from "../../src/mcp/answers.ts";
import { createWitness } from "./witness.ts";

export * from "../../src/mcp/answers.ts";

const witness = createWitness("src/mcp/answers.ts");

/** Whatever a server says is the answer, and nobody reads it. */
export const judgeServerMessage: typeof original.judgeServerMessage = (source) => {
  witness();
  const text = typeof source === "string" ? source : Buffer.from(source).toString();
  return { kind: "answer", text, untouched: true, rpc: null, toolError: false, result: null };
};
