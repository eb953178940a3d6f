/** Requests as clients make them: no redirects, bounded, and with the certificates that clients trust. */
import { getCACertificates } from "node:tls";
import { Agent, request } from "undici";
import { readBounded } from "../../auth/discovery.ts";

/** An answer that was read whole. */
export interface Answer {
  readonly url: string;
  readonly status: number;
  /** By lower case name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly cookies: readonly string[];
  readonly body: string;
}

export interface Asked {
  readonly method?: "GET" | "POST" | "OPTIONS" | "DELETE";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** @throws Error with the `code` of the system, or of TLS, where there is no whole answer */
export type Ask = (url: string, asked?: Asked) => Promise<Answer>;

export interface Line {
  readonly ask: Ask;
  close(): Promise<void>;
}

const timeoutMs = 10_000;
const maxBytes = 1_048_576;

/**
 * @param authorities PEM of authorities besides those that Node.js trusts, `NODE_EXTRA_CA_CERTS` included
 * @param pinned PEM of the gateway's own certificate, to be accepted whoever signed it
 */
export function openLine(authorities: readonly string[], pinned: string | null): Line {
  const ca = [...getCACertificates("default"), ...authorities, ...(pinned === null ? [] : [pinned])];
  // What was pinned is no authority, and nobody has signed it that would be known here.
  const connect = { ca, allowPartialTrustChain: pinned !== null, timeout: timeoutMs };
  const dispatcher = new Agent({ connect, headersTimeout: timeoutMs, bodyTimeout: timeoutMs });
  return {
    async ask(url, { method = "GET", headers = {}, body } = {}) {
      const signal = AbortSignal.timeout(timeoutMs);
      const options = { method, headers, signal, dispatcher, ...(body !== undefined && { body }) };
      const { statusCode, headers: told, body: stream } = await request(url, options);
      const text = await readBounded(stream, maxBytes);
      const named = Object.entries(told).map(([name, value]) => [name, [value].flat().join(", ")]);
      const cookies = [told["set-cookie"] ?? []].flat();
      return { url, status: statusCode, headers: Object.fromEntries(named), cookies, body: text };
    },
    close: () => dispatcher.close(),
  };
}

/** What an answer says in JSON; undefined where it says none. */
export function readBody({ body }: Answer): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
