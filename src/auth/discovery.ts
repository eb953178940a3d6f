/**
 * Where an issuer's keys come from, and how they are fetched: from hosts that the configuration trusts, yet with a bound on
 * everything, because an issuer in trouble must not take the gateway along.
 */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { request } from "undici";
import { readJson } from "../mcp/json.ts";
import { isLoopbackHost } from "../network/url.ts";
import { isUntrusted, verifiedAgent } from "../network/verified.ts";

/** Source of a key set. */
export type KeyOrigin =
  | { readonly kind: "discovery"; readonly issuer: string }
  | { readonly kind: "url"; readonly url: string }
  | { readonly kind: "file"; readonly path: string };

/** An HTTP answer that was read whole. */
export interface FetchedDocument {
  readonly status: number;
  readonly body: string;
}

const maxDepth = 32;

/** Gets a document. Rejects when there is no whole answer within the bounds. */
export type FetchDocument = (url: string) => Promise<FetchedDocument>;

/** Bounds of one fetch. */
export interface FetchBounds {
  /** For the whole exchange, in milliseconds. */
  readonly timeoutMs: number;
  readonly maxBytes: number;
}

export const fetchBounds: FetchBounds = { timeoutMs: 5_000, maxBytes: 524_288 };

/**
 * Reads `jwks` of an issuer's configuration: an http(s) URL, a file relative to `directory`, or discovery when absent.
 *
 * @throws Error when a key set would be fetched without TLS from another machine, or with credentials in the URL
 */
export function readKeyOrigin(config: { issuer: string; jwks?: string | undefined }, directory: string): KeyOrigin {
  const { issuer, jwks } = config;
  if (jwks === undefined) return { kind: "discovery", issuer };
  if (!/^https?:\/\//i.test(jwks)) return { kind: "file", path: resolve(directory, jwks) };
  if (!isSafe(jwks, false)) throw new Error(`jwks of ${issuer} must use https and hold no credentials`);
  return { kind: "url", url: jwks };
}

/** Loads the document at an origin, parsed; what it is worth is for the caller to find out. */
export async function loadKeySet(origin: KeyOrigin, fetch: FetchDocument): Promise<unknown> {
  if (origin.kind === "file") return parse(await readFile(origin.path, "utf8"), origin.path);
  return getJson(origin.kind === "url" ? origin.url : await discoverEndpoint(origin.issuer, "jwks_uri", fetch), fetch);
}

/** A {@link FetchDocument} on undici, which follows no redirects and decodes no content encodings by itself. */
export function createFetchDocument({ timeoutMs, maxBytes }: FetchBounds): FetchDocument {
  return async (url) => {
    const signal = AbortSignal.timeout(timeoutMs);
    const headers = { accept: "application/json" };
    const { statusCode, body } = await request(url, { dispatcher: verifiedAgent, signal, headers });
    return { status: statusCode, body: await readBounded(body, maxBytes) };
  };
}

/** @throws Error for more than so many bytes */
export async function readBounded(body: AsyncIterable<Buffer>, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    // Leaving the loop destroys the stream, and with it the connection.
    if (bytes > maxBytes) throw new Error(`the answer is larger than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/**
 * Finds a URL that an issuer names: OpenID Connect Discovery 1.0 section 4, else RFC 8414 section 3.1. The document must name the
 * very issuer it was asked of (both: sections 4.3 and 3.3), or one tenant could speak for another.
 */
export async function discoverEndpoint(
  issuer: string,
  member: "jwks_uri" | "token_endpoint",
  fetch: FetchDocument,
): Promise<string> {
  const { origin, pathname } = new URL(issuer);
  const path = pathname.replace(/\/$/, "");
  const places = [
    `${origin}${path}/.well-known/openid-configuration`,
    `${origin}/.well-known/oauth-authorization-server${path}`,
  ];
  const problems: string[] = [];
  for (const url of places) {
    const document = await getJson(url, fetch).catch((error: unknown) => void problems.push(messageOf(error)));
    if (document !== undefined) return readUrl(document, member, issuer, url);
  }
  throw new Error(`discovery failed: ${problems.join("; ")}`);
}

function readUrl(document: unknown, member: string, issuer: string, url: string): string {
  const { issuer: named, [member]: found } = (document ?? {}) as Record<string, unknown>;
  if (named !== issuer) throw new Error(`${url} names issuer ${quote(named)}, expected ${quote(issuer)}`);
  if (typeof found !== "string" || !isSafe(found, !isLoopbackHost(new URL(issuer).hostname))) {
    throw new Error(`${url} has no usable ${member}`);
  }
  return found;
}

async function getJson(url: string, fetch: FetchDocument): Promise<unknown> {
  const { status, body } = await fetch(url).catch((error: unknown) => {
    throw new Error(`${url}: ${messageOf(error)}`, { cause: error });
  });
  if (status >= 300 && status < 400) throw new Error(`${url} answered ${status}; redirects are not followed`);
  if (status !== 200) throw new Error(`${url} answered ${status}`);
  return parse(body, url);
}

function parse(text: string, source: string): unknown {
  try {
    return readJson(text, { maxDepth, loneSurrogates: "pass" }).value;
  } catch (error) {
    throw new Error(`${source} is not JSON that every parser reads alike`, { cause: error });
  }
}

/** Plain http stays on the machine, and a remote issuer cannot point the gateway at a service of its own machine. */
export function isSafe(text: string, remote: boolean): boolean {
  const url = URL.parse(text);
  if (url === null || url.username !== "" || url.password !== "") return false;
  const here = isLoopbackHost(url.hostname);
  return url.protocol === "https:" ? !(remote && here) : url.protocol === "http:" && !remote && here;
}

function quote(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value.slice(0, 300)) : "none";
}

/** A connection that failed on every address of a name has a code and no message. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error ? String(error.code) : null;
  // Node.js names a flag for its command line, which nobody gives who runs this.
  if (code !== null && isUntrusted(code))
    return `the certificate is of no authority that is known here (${code}); NODE_EXTRA_CA_CERTS names a file with your own`;
  return error.message || (code ?? error.name);
}
