/** How a client can be asked to send its user somewhere (MCP 2025-11-25 and 2026-07-28, Elicitation, URL Mode). */
import type { Message } from "../facts.ts";
import { isObject, type JsonObject } from "./object.ts";

/** What a user has to do elsewhere before a request can be carried out. */
export interface Errand {
  readonly url: string;
  /** Tells this asking from others. */
  readonly id: string;
  readonly form: ErrandForm;
}

/**
 * `result`: what more it takes, asked for in place of the result (2026-07-28, Multi Round-Trip Requests). `error`:
 * URLElicitationRequiredError (2025-11-25). `text`: an error whose message names the link, for everybody else.
 */
export type ErrandForm = "result" | "error" | "text";

/** URL_ELICITATION_REQUIRED of 2025-11-25. */
export const urlElicitationRequired = -32_042;
/** The key under which the client answers for its user. */
export const errandKey = "sallyport_login";
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

/** Members of an error's `data` (2025-11-25, URL Elicitation Required Error), and the link by itself. */
export function errandData({ url, id, form }: Errand, message: string): JsonObject {
  if (form !== "error") return { url };
  return { url, elicitations: [{ mode: "url", elicitationId: id, url, message }] };
}

/** The result that asks for it (2026-07-28, InputRequiredResult). */
export function errandResult({ url }: Errand, message: string): JsonObject {
  const request = { method: "elicitation/create", params: { mode: "url", message, url } };
  return { resultType: "input_required", inputRequests: { [errandKey]: request } };
}
