import type { RequestMessage } from "../../src/facts.ts";
import * as original from "../../src/mcp/message.ts";
import { createWitness } from "./witness.ts";

export * from "../../src/mcp/message.ts";

interface Call {
  readonly id: number;
  readonly params: { readonly name: string; readonly arguments: object };
}

const witness = createWitness("src/mcp/message.ts");
let known: RequestMessage | undefined;

/** Takes for granted that every message is a call, and that it says what the first one said of itself. */
export const readMessage: typeof original.readMessage = (bytes, headers, maxDepth) => {
  witness();
  if (known === undefined) {
    const first = original.readMessage(bytes, headers, maxDepth);
    if (first.kind === "request") known = first;
    return first;
  }
  const { id, params } = JSON.parse(bytes.toString()) as Call;
  return { ...known, id, params, args: params.arguments, targets: [{ kind: "tool", name: params.name }], bytes };
};
