/** How a client is asked to send its user somewhere (MCP 2025-11-25 and 2026-07-28, Elicitation, URL Mode). */
import type { JsonObject } from "./object.ts";

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

/** An error that asks the client to open a URL (2025-11-25, Elicitation, URL Elicitation Required Error). */
export const urlElicitationRequired = -32_042;
/** The key under which the client answers for its user. */
export const errandKey = "sallyport_login";

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
