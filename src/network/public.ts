/** Which addresses are somebody's on the Internet. Pure. */
import { isIP } from "node:net";
import { type AddressSet, createAddressSet, plainAddress, readCidr } from "./cidr.ts";

/**
 * Blocks that are not reachable from everywhere, or stand for others (IANA IPv4 and IPv6 Special-Purpose Address Registries,
 * RFC 6890): who can name a host must not get answers from there.
 */
const special = {
  ipv4: [
    ...["0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"],
    ...["192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16"],
    ...["192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3"],
  ],
  // Only 2000::/3 is given out; these are the rest, and the parts of it that are not somebody's.
  ipv6: ["::/3", "2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20", "4000::/2", "8000::/1"],
};

/** Apart, because to a block list an IPv4 address lies in ::/3 as well. */
const blocks = { 4: compile(special.ipv4), 6: compile(special.ipv6) };

function compile(texts: readonly string[]): AddressSet {
  return createAddressSet(
    texts.map((text) => {
      const block = readCidr(text);
      if (block === undefined) throw new Error(`${text} is no block`);
      return block;
    }),
  );
}

/** Whether an address is one of the public Internet; false for what is no address. */
export function isPublicAddress(ip: string): boolean {
  const plain = plainAddress(ip);
  const version = isIP(plain);
  return (version === 4 || version === 6) && !blocks[version].has(plain);
}
