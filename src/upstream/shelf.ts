import { createHash } from "node:crypto";
import type { ServerConfig } from "../config/schema.ts";
import { Secret } from "../config/secret.ts";
import type { CredentialKit } from "./credentials/credentials.ts";
import { createOccupancy, createUpstream, type Occupancy, staticHeaders, type Upstream } from "./upstream.ts";

/** The servers of every configuration that still serves: one that a reload did not touch keeps its connections. */
export interface UpstreamShelf {
  /** The server as it is configured; the same one as long as nothing changes but what is recorded of it. */
  of(name: string, config: ServerConfig, publicUrl: string): Upstream;
  /**
   * Takes all others off the shelf, and returns them: they are to be closed when nobody uses them any more. The limits of those
   * that stay hold from now on.
   */
  retain(used: Iterable<Upstream>): readonly Upstream[];
}

/** A shelf without servers. */
export function createUpstreamShelf(kit: Omit<CredentialKit, "publicUrl">): UpstreamShelf {
  const upstreams = new Map<string, { readonly upstream: Upstream; readonly config: ServerConfig }>();
  /** By name and address. A server that is configured otherwise is the same server, with all that is at it by then. */
  const occupancies = new Map<string, Occupancy>();
  const occupancyOf = (name: string, config: ServerConfig) => {
    const place = JSON.stringify([name, config.url.href]);
    const occupancy = occupancies.get(place) ?? createOccupancy(config);
    occupancies.set(place, occupancy);
    return occupancy;
  };
  return {
    of(name, config, publicUrl) {
      const key = keyOf(name, config, publicUrl);
      const known = upstreams.get(key);
      if (known !== undefined) return known.upstream;
      const upstream = createUpstream(name, config, { ...kit, publicUrl }, occupancyOf(name, config));
      upstreams.set(key, { upstream, config });
      return upstream;
    },
    retain(used) {
      const kept = new Set(used);
      const gone = [...upstreams].filter(([, { upstream }]) => !kept.has(upstream));
      for (const [key] of gone) upstreams.delete(key);
      for (const { upstream, config } of upstreams.values()) upstream.turns.limit(config);
      const inUse = new Set([...kept].map(({ turns }) => turns));
      for (const [place, { turns, load }] of occupancies) {
        if (turns.idle && load.calls + load.streams === 0 && !inUse.has(turns)) occupancies.delete(place);
      }
      return gone.map(([, { upstream }]) => upstream);
    },
  };
}

/** A digest, so that credentials are not kept in one more place. */
function keyOf(name: string, config: ServerConfig, publicUrl: string): string {
  const { url, credentials, audit: _audit, ...rest } = config;
  // Only assertions name the gateway, and links lead to it.
  const isNamed = credentials?.assertion !== undefined || credentials?.userLogin !== undefined;
  const issuer = isNamed ? publicUrl : null;
  const all = { name, ...rest, url: url.href, headers: staticHeaders(config), credentials, issuer };
  return createHash("sha256").update(JSON.stringify(all, reveal)).digest("base64url");
}

/** A secret that changed has to show as a change; `JSON.stringify` hands on what `toJSON` makes of it. */
function reveal(this: Readonly<Record<string, unknown>>, key: string, value: unknown): unknown {
  const held = this[key];
  return held instanceof Secret ? held.reveal() : value;
}
