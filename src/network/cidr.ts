import { BlockList, isIP } from "node:net";

/** A block of addresses, as written and as understood. */
export interface Cidr {
  readonly family: "ipv4" | "ipv6";
  readonly network: string;
  readonly prefix: number;
}

/** A set of addresses that answers whether one is in it. */
export interface AddressSet {
  has(ip: string): boolean;
}

/**
 * `10.0.0.0/8`, `::1` → block; undefined for anything that is not exactly that. A typing error must stop the gateway, not
 * silently match nothing, so bits set after the prefix (10.0.0.1/8), leading zeros (010.0.0.0/8), zones (fe80::1%eth0)
 * and IPv4-mapped blocks (::ffff:10.0.0.0/104, which would never match a peer) are all refused.
 */
export function readCidr(text: string): Cidr | undefined {
  const [, network, suffix] = /^([0-9a-fA-F:.]+)(?:\/(0|[1-9]\d{0,2}))?$/.exec(text) ?? [];
  const version = network === undefined ? 0 : isIP(network);
  if (network === undefined || version === 0) return undefined;
  const bits = version === 4 ? 32 : 128;
  const prefix = suffix === undefined ? bits : Number(suffix);
  if (prefix > bits || plainAddress(network) !== network) return undefined;
  const value = addressBits(network);
  if (value & ((1n << BigInt(bits - prefix)) - 1n)) return undefined;
  return { family: version === 4 ? "ipv4" : "ipv6", network, prefix };
}

/** Verdicts that are remembered: callers come back, and the block list takes a microsecond to ask. */
const maxVerdicts = 4_096;

/** Compiles blocks once; a look-up then costs the same for ten blocks and for a thousand. */
export function createAddressSet(cidrs: readonly Cidr[]): AddressSet {
  const list = new BlockList();
  for (const { network, prefix, family } of cidrs) list.addSubnet(network, prefix, family);
  const verdicts = new Map<string, boolean>();
  return {
    has(ip) {
      const known = verdicts.get(ip);
      if (known !== undefined) return known;
      const version = isIP(ip);
      const verdict = version !== 0 && list.check(ip, version === 6 ? "ipv6" : "ipv4");
      // Whoever has that many addresses gains nothing but that the list is asked.
      if (verdicts.size >= maxVerdicts) verdicts.clear();
      verdicts.set(ip, verdict);
      return verdict;
    },
  };
}

/**
 * The set of some blocks that were checked when they were written.
 *
 * @throws Error for what is no block all the same: it must neither open something to everybody nor close it silently
 */
export function readAddressSet(texts: readonly string[]): AddressSet {
  return createAddressSet(
    texts.map((text) => {
      const block = readCidr(text);
      if (block === undefined) throw new Error(`${JSON.stringify(text)} is no block of addresses`);
      return block;
    }),
  );
}

/**
 * An IPv4 address in its IPv6 clothes (`::ffff:127.0.0.1`, RFC 4291 section 2.5.5.2) is the IPv4 address, and an address
 * is the same on every interface: a zone (`fe80::1%eth0`, RFC 4007) says only how it came here.
 */
export function plainAddress(address: string): string {
  const [ip = ""] = address.split("%");
  if (isIP(ip) !== 6) return ip;
  const value = addressBits(ip);
  if (value >> 32n !== 0xffffn) return ip;
  return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join(".");
}

/**
 * What one caller can hardly change: the address for IPv4, the /64 for IPv6, where a single host owns 2^64 addresses and
 * a limit per address would limit nothing (RFC 6177).
 */
export function limitKey(ip: string): string {
  return isIP(ip) === 6 ? `${(addressBits(ip) >> 64n).toString(16)}::/64` : ip;
}

/** The address as a number: 32 bits for IPv4, 128 for IPv6. */
function addressBits(ip: string): bigint {
  if (isIP(ip) === 4) return ip.split(".").reduce((sum, octet) => (sum << 8n) | BigInt(octet), 0n);
  // The URL parser writes every spelling of an IPv6 address in one way (RFC 5952), dotted tails included.
  const canonical = new URL(`http://[${ip}]`).hostname.slice(1, -1);
  const [head = "", tail] = canonical.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const groups = [...left, ...Array<string>(8 - left.length - right.length).fill("0"), ...right];
  return groups.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
}
