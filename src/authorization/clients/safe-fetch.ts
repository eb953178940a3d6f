import { Agent, fetch } from "undici";
import { createGuardedLookup, isForbiddenAddress, notPublic } from "../../network/guarded-lookup.ts";
import { verified } from "../../network/verified.ts";
import { normalizeMetadata } from "./client-metadata.ts";

/** Documents are a few hundred bytes; the draft recommends a limit of 5 KB. */
export const maxDocumentBytes = 16_384;
const timeoutMs = 2_500;

/**
 * Fetches documents whose address a stranger chose (OAuth Client ID Metadata Document, section "Server Side Request Forgery"): by
 * https, from public addresses, without redirects, small, and soon.
 *
 * @param insideHosts host names whose addresses need not be public
 */
export function createSafeFetch(insideHosts: ReadonlySet<string>) {
  const dispatcher = new Agent({
    connect: { ...verified, lookup: createGuardedLookup(insideHosts), timeout: timeoutMs },
    maxResponseSize: maxDocumentBytes,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    pipelining: 1,
  });
  return async (url: string, options: RequestInit = {}): Promise<Response> => {
    const { protocol, hostname } = new URL(url);
    const host = hostname.replace(/^\[|\]$/g, "");
    if (protocol !== "https:") throw new Error("client metadata is fetched by https only");
    if (isForbiddenAddress(host, insideHosts)) throw notPublic(host);
    const { method = "GET", headers = {} } = options;
    const signal = AbortSignal.timeout(timeoutMs);
    const answer = await fetch(url, {
      method,
      headers: [...new Headers(headers)],
      redirect: "manual",
      signal,
      dispatcher,
    });
    if (answer.status !== 200) return answer as unknown as Response;
    const { status, headers: told } = answer;
    return new Response(normalizeMetadata(await answer.text()), { status, headers: [...told] });
  };
}
