/** The calls to a provider, with a bound on everything: one in trouble, or one that lies, must not take the gateway along. */
import { Agent, request } from "undici";
import { type FetchBounds, fetchBounds, readBounded } from "../../auth/discovery.ts";
import { verified } from "../../network/verified.ts";

/** As much of `fetch` as openid-client uses. */
export type ProviderFetch = (url: string, options?: ProviderRequest) => Promise<Response>;

interface ProviderRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/**
 * Addresses need not be public, as it is the operator who names a provider. Certificates are always verified, and redirects are followed
 * nowhere: a form with a secret in it is for the one endpoint.
 */
export function createProviderFetch({ timeoutMs, maxBytes }: FetchBounds = fetchBounds): ProviderFetch {
  const dispatcher = new Agent({ connect: { ...verified, timeout: timeoutMs } });
  return async (url, { method = "GET", headers = {}, body } = {}) => {
    const answer = await request(url, {
      ...{ dispatcher, method: method as "GET" | "POST", headers, signal: AbortSignal.timeout(timeoutMs) },
      ...(body instanceof URLSearchParams && { body: body.toString() }),
    });
    const text = await readBounded(answer.body, maxBytes);
    const type = answer.headers["content-type"];
    return new Response(text === "" ? null : text, {
      status: answer.statusCode,
      headers: typeof type === "string" ? { "content-type": type } : {},
    });
  };
}
