const filler = "x".repeat(170);

/** A call of a tool, 300 bytes for ids of one to six digits, give or take the digits. */
export function renderCall(id: number, tool = "forecast"): string {
  return `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"${tool}","arguments":{"city":"Lisbon","days":3,"note":"${filler}"}}}`;
}

/** What an MCP client of 2025-11-25 sends with it. */
export function requestHeaders(token: string): Record<string, string> {
  return {
    authorization: `Bearer ${token}`,
    accept: "application/json, text/event-stream",
    "content-type": "application/json",
    "mcp-protocol-version": "2025-11-25",
  };
}
