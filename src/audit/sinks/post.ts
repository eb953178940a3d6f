import { Agent, request } from "undici";
import type { Secret } from "../../config/secret.ts";
import { readRetryAfter } from "../../network/backoff.ts";
import { verified } from "../../network/verified.ts";
import { Undelivered } from "./channel.ts";

export interface PosterOptions {
  readonly url: string;
  /** Of every request. */
  readonly headers: Readonly<Record<string, Secret>>;
  /** PEM; undefined for the authorities of Node. */
  readonly ca: string | undefined;
  /** Whether the same request may be answered otherwise later. */
  readonly isPassing: (status: number) => boolean;
  /** For the whole exchange, in milliseconds. */
  readonly patienceMs: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

const maxAnswerBytes = 65_536;
/** Interim answers (RFC 9110 section 15.2) to one request, which a peer could send without end. */
const maxInterim = 16;

/** Posts to one URL; follows no redirects. */
export class Poster {
  readonly #options: PosterOptions;
  readonly #agent: Agent;

  constructor(options: PosterOptions) {
    this.#options = options;
    const { ca, patienceMs } = options;
    const connect = { ...verified, timeout: patienceMs, ...(ca === undefined ? {} : { ca }) };
    this.#agent = new Agent({ allowH2: false, pipelining: 1, connect });
  }

  /**
   * @returns the beginning of the answer, whose status was 2xx
   * @throws Undelivered for any other status; Error of undici or of the socket when there was no answer
   */
  async post(headers: Readonly<Record<string, string>>, body: string, ending: AbortSignal): Promise<string> {
    const { url, patienceMs, isPassing, now } = this.#options;
    const secrets = Object.entries(this.#options.headers).map(([name, value]) => [name, value.reveal()]);
    let interim = 0;
    const answer = await request(url, {
      dispatcher: this.#agent,
      method: "POST",
      headers: { ...Object.fromEntries(secrets), ...headers },
      body,
      signal: AbortSignal.any([ending, AbortSignal.timeout(patienceMs)]),
      onInfo() {
        interim += 1;
        if (interim > maxInterim) throw new Error("interim answers without end");
      },
    });
    const text = await readBeginning(answer.body);
    const { statusCode } = answer;
    if (statusCode >= 200 && statusCode < 300) return text;
    const retryAfterMs = readRetryAfter(answer.headers["retry-after"], now());
    throw new Undelivered(`the answer was ${statusCode}`, { isFinal: !isPassing(statusCode), retryAfterMs });
  }

  destroy(): void {
    void this.#agent.destroy();
  }
}

async function readBeginning(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of body) {
      chunks.push(chunk);
      bytes += chunk.length;
      // Leaving the loop destroys the stream, and with it the connection.
      if (bytes > maxAnswerBytes) break;
    }
  } catch {
    // The status was said already. Records that were taken would come again and again for want of the rest, and all others wait.
  }
  return Buffer.concat(chunks).toString("utf8");
}
