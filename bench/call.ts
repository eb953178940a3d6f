import type { BearerKind } from "./bearers.ts";

/** What is called, and what it looks like on the wire. */
export interface Scene {
  readonly name: string;
  readonly method: "tools/call" | "tools/list";
  /** Which tool is called. */
  readonly tool: string;
  /** Of a call's body, give or take the digits of its id. */
  readonly requestBytes: number;
  readonly tls: boolean;
  readonly bearers: BearerKind;
}

/** A call of a tool, so many bytes long for ids of one to six digits. */
export function renderCall(id: number, tool = "forecast", bytes = 300): string {
  const shell = renderWith(id, tool, "");
  return renderWith(id, tool, "x".repeat(Math.max(0, bytes - shell.length)));
}

function renderWith(id: number, tool: string, note: string): string {
  return `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"${tool}","arguments":{"city":"Lisbon","days":3,"note":"${note}"}}}`;
}

/** A request for the list of tools. */
export function renderList(id: number): string {
  return `{"jsonrpc":"2.0","id":${id},"method":"tools/list"}`;
}

/** Tools of the stub that answer otherwise than with 300 bytes of JSON. */
export const tools = { events: "get-events", report: "get-report" } as const;

/** What an MCP client of 2025-11-25 sends with it. */
export function requestHeaders(token: string): Record<string, string> {
  return {
    authorization: `Bearer ${token}`,
    accept: "application/json, text/event-stream",
    "content-type": "application/json",
    "mcp-protocol-version": "2025-11-25",
  };
}
