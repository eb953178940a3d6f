import { describe, expect, it } from "vitest";
import type { Denial } from "../../../src/denial.ts";
import type { Arrival } from "../../../src/facts.ts";
import { createAddressSet, readCidr } from "../../../src/network/cidr.ts";
import { admitPeer } from "../../../src/stages/peer.ts";

const rules = {
  allow: sets("127.0.0.0/8", "192.0.2.0/24", "2001:db8::/32"),
  deny: sets("192.0.2.66"),
  trustedProxies: sets("127.0.0.0/8", "10.0.0.0/8"),
};

describe("admitPeer", () => {
  it.each<[string, string, Record<string, string>, string]>([
    ["the socket's own address", "192.0.2.1", {}, "192.0.2.1"],
    ["an IPv4 address that came as IPv6", "::ffff:192.0.2.1", {}, "192.0.2.1"],
    ["a trusted proxy that speaks for itself", "127.0.0.1", {}, "127.0.0.1"],
    ["a client behind a trusted proxy", "127.0.0.1", { "x-forwarded-for": "192.0.2.1" }, "192.0.2.1"],
    ["with a port", "127.0.0.1", { "x-forwarded-for": "192.0.2.1:4711" }, "192.0.2.1"],
    ["behind two proxies", "127.0.0.1", { "x-forwarded-for": "192.0.2.1, 10.1.1.1" }, "192.0.2.1"],
    [
      "the nearest untrusted one, not what it claims",
      "127.0.0.1",
      { "x-forwarded-for": "127.0.0.1, 192.0.2.1" },
      "192.0.2.1",
    ],
    ["RFC 7239", "127.0.0.1", { forwarded: 'for="[2001:db8::1]:4711";proto=https' }, "2001:db8::1"],
    ["RFC 7239 without quotes", "127.0.0.1", { forwarded: "proto=https;FOR=192.0.2.1, for=10.1.1.1" }, "192.0.2.1"],
    ["all hops trusted: the farthest", "127.0.0.1", { "x-forwarded-for": "127.0.0.9" }, "127.0.0.9"],
  ])("admits %s", (_case, remote, headers, ip) => expect(admitPeer(rules, from(remote, headers)).ip).toBe(ip));

  it.each<[string, string, Record<string, string>, string]>([
    ["an address nobody allowed", "203.0.113.1", {}, "address_denied"],
    ["a denied address within an allowed block", "192.0.2.66", {}, "address_denied"],
    ["a stranger who forges the header", "203.0.113.1", { "x-forwarded-for": "192.0.2.1" }, "address_denied"],
    ["a stranger behind a proxy", "127.0.0.1", { "x-forwarded-for": "192.0.2.1, 203.0.113.1" }, "address_denied"],
    ["a proxy that says unknown", "127.0.0.1", { forwarded: "for=unknown" }, "forwarded_invalid"],
    ["a proxy that says nothing readable", "127.0.0.1", { "x-forwarded-for": "192.0.2.1," }, "forwarded_invalid"],
    [
      "two kinds of header",
      "127.0.0.1",
      { forwarded: "for=192.0.2.1", "x-forwarded-for": "192.0.2.1" },
      "forwarded_invalid",
    ],
    ["two for in one element", "127.0.0.1", { forwarded: "for=192.0.2.1;for=192.0.2.2" }, "forwarded_invalid"],
    ["a quoted comma", "127.0.0.1", { forwarded: 'for="a,for=192.0.2.1"' }, "forwarded_invalid"],
    ["a socket without an address", "", {}, "address_denied"],
  ])("refuses %s", (_case, remote, headers, code) => {
    expect(() => admitPeer(rules, from(remote, headers))).toThrow(expect.objectContaining({ code }) as Denial);
  });
});

function sets(...texts: string[]) {
  return createAddressSet(texts.map(readCidr).filter((cidr) => cidr !== undefined));
}

function from(remoteAddress: string, headers: Record<string, string>): Arrival {
  return { remoteAddress, headers: new Map(Object.entries(headers)) } as unknown as Arrival;
}
