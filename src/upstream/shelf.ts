import { createHash } from "node:crypto";
import type { ServerConfig } from "../config/schema.ts";
import { createUpstream, staticHeaders, type Upstream } from "./upstream.ts";

/** The servers of every configuration that still serves: one that a reload did not touch keeps its connections. */
export interface UpstreamShelf {
  /** The server as it is configured; the same one as long as nothing changes but what is recorded of it. */
  of(name: string, config: ServerConfig): Upstream;
  /** Takes all others off the shelf, and returns them: they are to be closed when nobody uses them any more. */
  retain(used: Iterable<Upstream>): readonly Upstream[];
}

/** @param now milliseconds since the epoch */
export function createUpstreamShelf(now: () => number): UpstreamShelf {
  const upstreams = new Map<string, Upstream>();
  return {
    of(name, config) {
      const key = keyOf(name, config);
      const upstream = upstreams.get(key) ?? createUpstream(name, config, now);
      upstreams.set(key, upstream);
      return upstream;
    },
    retain(used) {
      const kept = new Set(used);
      const gone = [...upstreams].filter(([, upstream]) => !kept.has(upstream));
      for (const [key] of gone) upstreams.delete(key);
      return gone.map(([, upstream]) => upstream);
    },
  };
}

/** A digest, so that credentials are not kept in one more place. */
function keyOf(name: string, config: ServerConfig): string {
  const { url, credentials: _credentials, audit: _audit, ...rest } = config;
  const all = { name, ...rest, url: url.href, headers: staticHeaders(config) };
  return createHash("sha256").update(JSON.stringify(all)).digest("base64url");
}
