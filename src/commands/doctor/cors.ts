/** Judges whether a page of a browser may do what a client does (Fetch standard, CORS protocol). Pure. */
import { type Finding, ok, problem, warning } from "./finding.ts";
import { refusalOf } from "./refusal.ts";
import type { Answer } from "./wire.ts";

/** A preflight that has to pass. */
export interface Preflight {
  readonly url: string;
  readonly method: "GET" | "POST";
  /** Headers that the page would send. */
  readonly headers: string;
  /** Whether it is the MCP endpoint. */
  readonly isServer: boolean;
}

/** What a client in a browser asks for, from metadata to calls. */
export function listPreflights(
  url: string,
  metadataUrls: readonly string[],
  endpoints: readonly unknown[],
): Preflight[] {
  const reads = metadataUrls.map((each) => ({ url: each, method: "GET" as const, headers: "mcp-protocol-version" }));
  const posts = endpoints
    .filter((each) => typeof each === "string")
    .map((each) => ({ url: each, method: "POST" as const, headers: "content-type" }));
  const call = { url, method: "POST" as const, headers: "authorization,content-type,mcp-protocol-version" };
  return [...[...reads, ...posts].map((each) => ({ ...each, isServer: false })), { ...call, isServer: true }];
}

/** @returns null where the page may */
export function judgePreflight(answer: Answer, origin: string, { url, isServer }: Preflight): Finding | null {
  const allowed = answer.headers["access-control-allow-origin"];
  if (answer.status < 300 && (allowed === "*" || allowed === origin)) return null;
  if (!isServer) return problem(`a page of ${origin} may not ask ${url} (HTTP ${answer.status})`);
  return warning(`a page of ${origin} may not call (${refusalOf(answer) ?? `HTTP ${answer.status}`})`, {
    at: ["network", "origins"],
    hint: `add ${origin}, for a direct connection; one through the Inspector's own proxy needs nothing`,
  });
}

/** For an origin whose preflights were all answered as a browser wants them. */
export function mayAsk(origin: string): Finding {
  return ok(`a page of ${origin} may ask and call`);
}
