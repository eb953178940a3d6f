import { Denial } from "../denial.ts";
import type { Arrival, Peer } from "../facts.ts";
import { type AddressSet, plainAddress } from "../network/cidr.ts";
import { readForwardedChain } from "../network/forwarded.ts";

/** The addresses that may enter, and the proxies that may speak for others. */
export interface PeerRules {
  readonly allow: AddressSet;
  readonly deny: AddressSet;
  readonly trustedProxies: AddressSet;
}

/**
 * Finds out who is at the other end and whether that address may enter. Deny beats allow; nothing is allowed by default.
 *
 * @throws Denial `address_denied`, or `forwarded_invalid` when a trusted proxy's headers cannot be read
 */
export function admitPeer(rules: PeerRules, arrival: Arrival): Peer {
  const socketAddress = plainAddress(arrival.remoteAddress);
  const ip = rules.trustedProxies.has(socketAddress) ? findClient(rules, socketAddress, arrival) : socketAddress;
  if (rules.deny.has(ip) || !rules.allow.has(ip)) throw new Denial("address_denied", { detail: `address ${ip}` });
  return { ip, proxied: ip !== socketAddress } as Peer;
}

/** Walks the chain from the nearest proxy outwards, to the first address that no trusted proxy stands behind. */
function findClient(rules: PeerRules, socketAddress: string, arrival: Arrival): string {
  const chain = readForwardedChain(arrival.headers);
  if (chain === undefined) throw new Denial("forwarded_invalid", { detail: "both X-Forwarded-For and Forwarded" });
  let address = socketAddress;
  for (const element of chain) {
    if (element === undefined) throw new Denial("forwarded_invalid", { detail: "an element is not an address" });
    address = plainAddress(element);
    if (!rules.trustedProxies.has(address)) break;
  }
  return address;
}
