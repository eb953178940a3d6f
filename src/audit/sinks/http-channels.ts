import type { Channel } from "./channel.ts";
import { type OtlpResource, readRejected, renderOtlpLogs } from "./otlp-logs.ts";
import { Poster, type PosterOptions } from "./post.ts";
import { renderWebhook } from "./webhook-request.ts";

/** Short enough for what receivers take by default, unless a single record is longer. */
const mostBytes = 1_048_576;
const mostLogs = 200;

/** Statuses of OTLP/HTTP that are worth another try, and no others (OTLP specification, "Retryable Response Codes"). */
const retried: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** Sends records as OTLP logs over HTTP, in JSON (OTLP specification, "OTLP/HTTP"). What the receiver rejected counts as refused. */
export function createOtlpChannel(options: Omit<PosterOptions, "isPassing">, resource: OtlpResource): Channel {
  const poster = new Poster({ ...options, isPassing: (status) => retried.has(status) });
  return {
    most: { lines: mostLogs, bytes: mostBytes },
    async send(lines, signal) {
      const body = renderOtlpLogs(lines, resource);
      return readRejected(await poster.post({ "content-type": "application/json" }, body, signal));
    },
    close: () => poster.destroy(),
  };
}

/** @param mostLines in one request */
export function createWebhookChannel(options: Omit<PosterOptions, "isPassing">, mostLines: number): Channel {
  const poster = new Poster({ ...options, isPassing: isPassingForWebhooks });
  return {
    most: { lines: mostLines, bytes: mostBytes },
    async send(lines, signal) {
      const { headers, body } = renderWebhook(lines);
      await poster.post(headers, body, signal);
      return 0;
    },
    close: () => poster.destroy(),
  };
}

/** The receiver has a problem or no time (RFC 9110 section 15.6, RFC 8470, RFC 6585); anything else is about the request. */
function isPassingForWebhooks(status: number): boolean {
  return status >= 500 || status === 408 || status === 425 || status === 429;
}
