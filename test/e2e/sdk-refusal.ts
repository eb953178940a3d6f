import { McpError } from "@modelcontextprotocol/sdk/types.js";
import { expect } from "vitest";

/** What a call of SDK v1 fails with. */
export async function refusalOf(call: Promise<unknown>): Promise<McpError> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(McpError);
  return error as McpError;
}
