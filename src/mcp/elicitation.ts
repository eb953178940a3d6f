/** What clients say of sending their users somewhere: whether they can, and what came of it (MCP 2025-11-25 and 2026-07-28, Elicitation, URL Mode). */
import type { Message } from "../facts.ts";
import { type ErrandForm, errandKey } from "./errand.ts";
import { isObject } from "./object.ts";

const capabilitiesKey = "io.modelcontextprotocol/clientCapabilities";
/** Whose results may ask for more (2026-07-28, Supported Requests). */
const multiRound = new Set(["tools/call", "prompts/get", "resources/read"]);
const since = "2025-11-25";

/** Whether a client says of itself that it opens links for its user, after having shown them. */
export function opensLinks(capabilities: unknown): boolean {
  const elicitation = isObject(capabilities) ? capabilities.elicitation : undefined;
  return isObject(elicitation) && isObject(elicitation.url);
}

/**
 * In which form a client wants to hear of an errand. Those of 2026-07-28 say what they can with each request. Those before said it once, when
 * their session began; where a session has no id, nobody knows it any more.
 *
 * @param session whether the session began with a client that opens links
 */
export function errandForm(message: Message, session: { readonly opensLinks: boolean }): ErrandForm {
  if (message.kind !== "request") return "text";
  const { era, method, params, revision } = message;
  if (era === "modern") {
    const meta = isObject(params._meta) ? params._meta : {};
    return multiRound.has(method) && opensLinks(meta[capabilitiesKey]) ? "result" : "text";
  }
  if (method === "initialize") {
    const { protocolVersion, capabilities } = params;
    return typeof protocolVersion === "string" && protocolVersion >= since && opensLinks(capabilities)
      ? "error"
      : "text";
  }
  return session.opensLinks && revision >= since ? "error" : "text";
}

/** What the client says of an errand that it was asked for before: `accept`, `decline`, `cancel`; null where it was not. */
export function readErrandAnswer(message: Message): string | null {
  if (message.kind !== "request" || message.era !== "modern") return null;
  const { inputResponses } = message.params;
  const response = isObject(inputResponses) ? inputResponses[errandKey] : undefined;
  return isObject(response) ? String(response.action) : null;
}
