import { request } from "undici";
import { verifiedAgent } from "../network/verified.ts";
import { type FetchBounds, readBounded } from "./discovery.ts";
import type { AskIssuer } from "./introspection.ts";

/** Where to ask, and as whom. */
export interface IntrospectionEndpoint {
  readonly url: string;
  readonly clientId: string;
  readonly clientSecret: string;
}

/** An {@link AskIssuer} on undici, which follows no redirects: a token goes nowhere but where the configuration says. */
export function createAskIssuer(endpoint: IntrospectionEndpoint, { timeoutMs, maxBytes }: FetchBounds): AskIssuer {
  const { url, clientId, clientSecret } = endpoint;
  // RFC 6749 section 2.3.1: both are written as in a form before they are joined.
  const credentials = [clientId, clientSecret].map(encodeForm).join(":");
  const headers = {
    authorization: `Basic ${Buffer.from(credentials).toString("base64")}`,
    "content-type": "application/x-www-form-urlencoded",
    accept: "application/json",
  };
  return async (token) => {
    const signal = AbortSignal.timeout(timeoutMs);
    const body = new URLSearchParams({ token, token_type_hint: "access_token" }).toString();
    const answer = await request(url, { dispatcher: verifiedAgent, method: "POST", signal, headers, body });
    return { status: answer.statusCode, body: await readBounded(answer.body, maxBytes) };
  };
}

function encodeForm(text: string): string {
  return new URLSearchParams({ "": text }).toString().slice(1);
}
