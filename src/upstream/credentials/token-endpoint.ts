/** Asks a token endpoint, with a bound on everything: an authorization server in trouble must not take the gateway along. */
import { request } from "undici";
import { createFetchDocument, discoverEndpoint, type FetchDocument, fetchBounds } from "../../auth/discovery.ts";
import { collectBytes } from "../../bytes.ts";
import type { AuthorizationServerConfig } from "../../config/credentials.ts";
import { readRetryAfter } from "../../network/backoff.ts";
import { verifiedAgent } from "../../network/verified.ts";
import type { Authenticate } from "./client-authentication.ts";
import { createPause } from "./pause.ts";
import { type Grant, type Judged, readTokenAnswer, type TokenAnswer } from "./token-answer.ts";
import { TokenFailure, type TokenFault } from "./token-failure.ts";

/** Where tokens come from. */
export interface TokenEndpoint {
  /**
   * Asks for a token; after a failure not at once again.
   *
   * @throws TokenFailure
   */
  request(form: Readonly<Record<string, string | undefined>>): Promise<Grant>;
}

/** What came of a question to a token endpoint. */
export type TokenOutcome = "ok" | TokenFault;

/** What {@link createTokenEndpoint} is made with. */
export interface EndpointKit {
  /** Milliseconds since the epoch. */
  now(): number;
  /** From 0 up to 1. */
  chance(): number;
  /** Told of each question that was asked; the detail is for the log. */
  tokenFetched(outcome: TokenOutcome, detail: string): void;
  readonly bounds?: { readonly timeoutMs: number; readonly maxBytes: number };
  /** Gets discovery documents. */
  readonly fetch?: FetchDocument;
}

/** Of one exchange. */
const defaultBounds = { timeoutMs: 5_000, maxBytes: 65_536 };

/** @param judged who is refused by a refusal */
export function createTokenEndpoint(
  { issuer, tokenEndpoint }: Pick<AuthorizationServerConfig, "issuer" | "tokenEndpoint">,
  authenticate: Authenticate,
  judged: Judged,
  kit: EndpointKit,
): TokenEndpoint {
  const { now, chance, tokenFetched, bounds = defaultBounds, fetch = createFetchDocument(fetchBounds) } = kit;
  let discovered: string | undefined;
  const pause = createPause(now, chance);

  async function findUrl(): Promise<string> {
    if (tokenEndpoint !== undefined) return tokenEndpoint;
    discovered ??= await discoverEndpoint(issuer ?? "", "token_endpoint", fetch).catch((cause: Error) => {
      // Quoted is what the document says, which could be anything.
      const said = cause.message.replaceAll(/"(?:[^"\\]|\\.)*"/g, "…");
      throw new TokenFailure("unavailable", `the token endpoint was not found: ${said}`);
    });
    return discovered;
  }

  async function ask(form: Readonly<Record<string, string | undefined>>): Promise<Grant> {
    const url = await findUrl();
    const given = Object.entries(form).filter((entry): entry is [string, string] => entry[1] !== undefined);
    const body = new URLSearchParams(given);
    const headers = authenticate(body, url);
    return readTokenAnswer(await post(url, headers, body.toString(), bounds, now), judged);
  }

  return {
    async request(form) {
      const paused = pause.check();
      if (paused !== null) throw paused;
      try {
        const grant = await ask(form);
        pause.recover();
        tokenFetched("ok", "");
        return grant;
      } catch (error) {
        const failure = asFailure(error);
        tokenFetched(failure.fault, failure.message);
        // That one caller was denied is nothing to the next.
        if (failure.fault === "denied") {
          pause.recover();
        } else {
          pause.fail(failure);
          // It may have moved.
          discovered = undefined;
        }
        throw failure;
      }
    },
  };
}

/** No redirects: `request` of undici follows none, and a form with a secret in it is for the one endpoint. */
async function post(
  url: string,
  headers: Readonly<Record<string, string>>,
  body: string,
  { timeoutMs, maxBytes }: typeof defaultBounds,
  now: () => number,
): Promise<TokenAnswer> {
  const answer = await request(url, {
    dispatcher: verifiedAgent,
    method: "POST",
    headers: { ...headers, accept: "application/json", "content-type": "application/x-www-form-urlencoded" },
    body,
    signal: AbortSignal.timeout(timeoutMs),
  });
  const collected = collectBytes(maxBytes);
  for await (const chunk of answer.body as AsyncIterable<Buffer>) {
    // Leaving the loop destroys the stream, and with it the connection.
    if (!collected.add(chunk))
      throw new TokenFailure("unavailable", `the token endpoint's answer is over ${maxBytes} bytes`);
  }
  const { "content-type": type, "retry-after": retryAfter } = answer.headers;
  return {
    status: answer.statusCode,
    contentType: typeof type === "string" ? type : "",
    body: collected.bytes(),
    retryAfterMs: readRetryAfter(retryAfter, now()),
  };
}

/** The code of an error of undici or the socket says enough; its text may quote the request. */
function asFailure(error: unknown): TokenFailure {
  if (error instanceof TokenFailure) return error;
  const { code, name } = error as NodeJS.ErrnoException;
  const what = name === "TimeoutError" ? "did not answer in time" : `cannot be reached (${code ?? name})`;
  return new TokenFailure("unavailable", `the token endpoint ${what}`);
}
