import { lookup } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import { isPublicAddress } from "./public.ts";

/**
 * Looks names up for connections to hosts that a stranger named: only public addresses come out. The address that was looked at is the one
 * that is connected to, so that a name which changes its address meanwhile gains nothing.
 *
 * @param insideHosts host names whose addresses need not be public
 */
export function createGuardedLookup(insideHosts: ReadonlySet<string>): LookupFunction {
  return (host, options, callback) =>
    lookup(host, { ...options, all: true }, (error, found) => {
      if (error !== null) return callback(error, []);
      const allowed = insideHosts.has(host) ? found : found.filter(({ address }) => isPublicAddress(address));
      const [first] = allowed;
      if (first === undefined) return callback(notPublic(host), []);
      if (options.all === true) return callback(null, allowed);
      callback(null, first.address, first.family);
    });
}

/**
 * Whether the host of a URL is an address that is neither public nor inside: addresses are connected to without being looked up.
 *
 * @param host without the brackets of IPv6
 */
export function isForbiddenAddress(host: string, insideHosts: ReadonlySet<string>): boolean {
  return isIP(host) !== 0 && !insideHosts.has(host) && !isPublicAddress(host);
}

/** What a connection to such a host fails with. */
export function notPublic(host: string): Error {
  return new Error(`${host} has no public address`);
}
