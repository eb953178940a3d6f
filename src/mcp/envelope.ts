/**
 * Members of a JSON-RPC message that say what it is. What two parsers could take for one of them is refused, whichever side sends it:
 * the gateway would judge another message than the one that is acted on.
 */
export const envelopeNames: ReadonlySet<string> = new Set(["jsonrpc", "id", "method", "params", "result", "error"]);
