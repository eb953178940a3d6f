/** Reads why the gateway refused something. Pure. */
import { isObject } from "../../mcp/object.ts";
import { type Answer, readBody } from "./wire.ts";

/** The name of a refusal (docs/refusals.md); undefined for an answer that is none of the gateway's. */
export function refusalOf(answer: Answer): string | undefined {
  return reasonIn(readBody(answer));
}

/** The same of a body: JSON-RPC, or RFC 9457. */
export function reasonIn(body: unknown): string | undefined {
  if (!isObject(body)) return undefined;
  const { error, reason } = body;
  const data = isObject(error) && isObject(error.data) ? error.data : {};
  const found = data.reason ?? reason;
  return typeof found === "string" ? found : undefined;
}

/** What an OAuth endpoint says is wrong (RFC 6749 section 5.2): JSON, or a page of the gateway. */
export function oauthErrorOf(answer: Answer): string | undefined {
  const body = readBody(answer);
  if (isObject(body) && typeof body.error === "string") {
    return typeof body.error_description === "string" ? `${body.error}: ${body.error_description}` : body.error;
  }
  const [, text] = /<h1>[^<]*<\/h1>\s*<p>([^<]+)<\/p>/.exec(answer.body) ?? [];
  return text;
}
