import { asDenial, Denial } from "../denial.ts";
import type { Ending } from "../ending.ts";
import { Unconnected } from "./dispatch.ts";
import type { Upstream } from "./upstream.ts";

/**
 * Names an exchange with a server that broke, at its head or in its body, and remembers whether the server can be reached.
 * The code of the failure is for the log alone: addresses and versions of what stands inside stay inside.
 *
 * @param ended aborted when it was our side that broke it off
 */
export function explainFailure(upstream: Upstream, cause: unknown, ended: Ending): Denial {
  if (ended.aborted) return asDenial(ended.reason);
  if (cause instanceof Denial) return cause;
  const isUnconnected = cause instanceof Unconnected;
  const code = errorCode(isUnconnected ? cause.cause : cause);
  if (isUnconnected || code === "UND_ERR_CONNECT_TIMEOUT") upstream.reachable = false;
  if (code.endsWith("_TIMEOUT") || code === "ETIMEDOUT") return new Denial("upstream_timeout", { cause, detail: code });
  if (isUnconnected) {
    // What comes back at that address may be another server.
    upstream.era.doubt();
    return new Denial("upstream_unreachable", { cause, detail: code });
  }
  if (
    code === "HTTPParserError" ||
    code === "UND_ERR_HEADERS_OVERFLOW" ||
    code === "UND_ERR_RES_CONTENT_LENGTH_MISMATCH"
  ) {
    return new Denial("upstream_malformed", { cause, detail: code });
  }
  return new Denial("upstream_reset", { cause, detail: code });
}

function errorCode(cause: unknown): string {
  if (!(cause instanceof Error)) return "unknown";
  // happy-eyeballs reports every address it tried (AggregateError); they failed alike or the first will do.
  const [first] = cause instanceof AggregateError ? cause.errors : [cause];
  return String((first as NodeJS.ErrnoException | undefined)?.code ?? cause.name);
}
