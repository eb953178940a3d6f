import { lookup } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import { Agent, fetch } from "undici";
import { isPublicAddress } from "../network/public.ts";
import { verified } from "../network/verified.ts";
import { normalizeMetadata } from "./client-metadata.ts";

/** Documents are a few hundred bytes; the draft recommends a limit of 5 KB. */
export const maxDocumentBytes = 16_384;
const timeoutMs = 2_500;

/**
 * Fetches documents whose address a stranger chose (OAuth Client ID Metadata Document, section "Server Side Request Forgery"): by
 * https, from public addresses, without redirects, small, and soon. The address that was looked at is the one that is connected to, so
 * that a name which changes its address meanwhile gains nothing.
 *
 * @param insideHosts host names whose addresses need not be public
 */
export function createSafeFetch(insideHosts: ReadonlySet<string>) {
  const guarded: LookupFunction = (host, options, callback) =>
    lookup(host, { ...options, all: true }, (error, found) => {
      if (error !== null) return callback(error, []);
      const allowed = insideHosts.has(host) ? found : found.filter(({ address }) => isPublicAddress(address));
      const [first] = allowed;
      if (first === undefined) return callback(refused(host), []);
      if (options.all === true) return callback(null, allowed);
      callback(null, first.address, first.family);
    });
  const dispatcher = new Agent({
    connect: { ...verified, lookup: guarded, timeout: timeoutMs },
    maxResponseSize: maxDocumentBytes,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    pipelining: 1,
  });
  return async (url: string, options: RequestInit = {}): Promise<Response> => {
    const { protocol, hostname } = new URL(url);
    const host = hostname.replace(/^\[|\]$/g, "");
    if (protocol !== "https:") throw new Error("client metadata is fetched by https only");
    // Addresses are connected to without being looked up.
    if (isIP(host) !== 0 && !insideHosts.has(host) && !isPublicAddress(host)) throw refused(host);
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

function refused(host: string): Error {
  return new Error(`${host} has no public address`);
}
