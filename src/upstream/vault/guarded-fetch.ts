/** Asks servers that a stranger may have named: bounded in everything, and only where the stranger may send the gateway. */
import { Agent, request } from "undici";
import { collectBytes } from "../../bytes.ts";
import { createGuardedLookup, isForbiddenAddress } from "../../network/guarded-lookup.ts";
import { isLoopbackHost } from "../../network/url.ts";
import { verified } from "../../network/verified.ts";
import { VaultFault } from "./fault.ts";

/** Where the gateway may be sent besides public addresses. */
export interface Reach {
  /** Origins that the operator named. */
  readonly origins: ReadonlySet<string>;
  /** Host names whose addresses need not be public; of this machine, they may be asked without TLS. */
  readonly insideHosts: ReadonlySet<string>;
}

/** What is asked. */
export interface Question {
  readonly method?: "GET" | "POST";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** An answer, read whole. */
export interface Fetched {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/**
 * Follows no redirects: a form with a secret in it is for the one endpoint.
 *
 * @throws VaultFault for an address that must not be asked, and for what is no whole answer within the bounds
 */
export type GuardedFetch = (url: string, question?: Question) => Promise<Fetched>;

const notPublic = "has no public address; list the host in userLogin.insideHosts if it is yours";

/** Of one exchange. */
export const guardedBounds = { timeoutMs: 5_000, maxBytes: 65_536 };

/** Connections are not kept: such servers are asked rarely. */
export function createGuardedFetch(reach: Reach, { timeoutMs, maxBytes } = guardedBounds): GuardedFetch {
  const options = { pipelining: 0, headersTimeout: timeoutMs, bodyTimeout: timeoutMs };
  const named = new Agent({ ...options, connect: { ...verified, timeout: timeoutMs } });
  const lookup = createGuardedLookup(reach.insideHosts);
  const guarded = new Agent({ ...options, connect: { ...verified, timeout: timeoutMs, lookup } });
  return async (text, { method = "GET", headers = {}, body = null } = {}) => {
    const url = new URL(text);
    const isNamed = reach.origins.has(url.origin);
    if (!isNamed) checkReach(url, reach);
    const answer = await request(url, {
      method,
      headers: { accept: "application/json", ...headers },
      body,
      dispatcher: isNamed ? named : guarded,
      signal: AbortSignal.timeout(timeoutMs),
    }).catch((cause: unknown) => {
      throw new VaultFault(`${url.host} ${explain(cause)}`, { cause });
    });
    const collected = collectBytes(maxBytes);
    try {
      for await (const chunk of answer.body as AsyncIterable<Buffer>) {
        // Leaving the loop destroys the stream, and with it the connection.
        if (!collected.add(chunk)) throw new VaultFault(`the answer of ${url.host} is over ${maxBytes} bytes`);
      }
    } catch (cause) {
      throw cause instanceof VaultFault ? cause : new VaultFault(`${url.host} ${explain(cause)}`, { cause });
    }
    return { status: answer.statusCode, headers: answer.headers, body: collected.bytes() };
  };
}

function checkReach({ protocol, hostname, host, username, password }: URL, { insideHosts }: Reach): void {
  const bare = hostname.replace(/^\[|\]$/g, "");
  const isSafe = protocol === "https:" || (protocol === "http:" && isLoopbackHost(hostname) && insideHosts.has(bare));
  if (!isSafe || username !== "" || password !== "") throw new VaultFault(`${host} must not be asked without TLS`);
  if (isForbiddenAddress(bare, insideHosts)) throw new VaultFault(`${host} ${notPublic}`);
}

/** Its code says enough; the text of an error may quote the request. A name without a public address has none. */
function explain(cause: unknown): string {
  const { code, name, message = "" } = cause as NodeJS.ErrnoException;
  if (message.endsWith("has no public address")) return notPublic;
  return name === "TimeoutError" ? "did not answer in time" : `cannot be reached (${code ?? name})`;
}
