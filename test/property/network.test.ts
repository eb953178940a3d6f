import { isIP } from "node:net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Arrival } from "../../src/facts.ts";
import { createAddressSet, plainAddress, readCidr } from "../../src/network/cidr.ts";
import { admitPeer } from "../../src/stages/peer.ts";

const octet = fc.integer({ min: 0, max: 255 });
const ipv4 = fc.tuple(octet, octet, octet, octet).map((octets) => octets.join("."));
const toNumber = (ip: string) => ip.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
const toText = (value: number) => [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join(".");

describe("CIDRs", () => {
  it("an accepted block holds exactly the addresses that share its prefix", () => {
    fc.assert(
      fc.property(ipv4, fc.integer({ min: 0, max: 32 }), ipv4, (base, prefix, probe) => {
        const size = 2 ** (32 - prefix);
        const network = toText(Math.floor(toNumber(base) / size) * size);
        const cidr = readCidr(`${network}/${prefix}`);
        expect(cidr).toBeDefined();
        const set = createAddressSet(cidr === undefined ? [] : [cidr]);
        expect(set.has(probe)).toBe(Math.floor(toNumber(probe) / size) === Math.floor(toNumber(network) / size));
      }),
    );
  });

  it("any text is refused or names an address as the platform reads it", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9a-fx.:/%]{1,24}$/)), (text) => {
        const cidr = readCidr(text);
        if (cidr !== undefined) expect(isIP(cidr.network)).toBe(cidr.family === "ipv4" ? 4 : 6);
      }),
    );
  });

  it("an IPv4 address is itself in every IPv6 spelling", () => {
    fc.assert(
      fc.property(ipv4, (ip) => {
        expect(plainAddress(`::ffff:${ip}`)).toBe(ip);
      }),
    );
  });
});

describe("forwarded chains", () => {
  const trusted = "10.0.0.0/8";
  const proxy = fc.tuple(octet, octet, octet).map((rest) => `10.${rest.join(".")}`);
  const stranger = ipv4.filter((ip) => !ip.startsWith("10."));
  const everyone = ["0.0.0.0/0", "::/0"];
  const rules = {
    allow: sets(everyone),
    deny: sets([]),
    trustedProxies: sets([trusted]),
  };

  it("finds the address that the outermost trusted proxy saw, whatever a stranger wrote left of it", () => {
    fc.assert(
      fc.property(fc.array(fc.string()), stranger, fc.array(proxy), proxy, (lies, client, hops, last) => {
        const written = lies.map((lie) => lie.replace(/[,\r\n]/g, ""));
        const header = [...written, client, ...hops].join(", ");
        expect(admitPeer(rules, arrivalFrom(last, { "x-forwarded-for": header })).ip).toBe(client);
      }),
    );
  });

  it("a stranger's headers say nothing", () => {
    fc.assert(
      fc.property(stranger, fc.string(), (client, header) => {
        const headers = { "x-forwarded-for": header, forwarded: header };
        expect(admitPeer(rules, arrivalFrom(client, headers))).toEqual({ ip: client, proxied: false });
      }),
    );
  });
});

function sets(texts: readonly string[]) {
  return createAddressSet(texts.map(readCidr).filter((cidr) => cidr !== undefined));
}

function arrivalFrom(remoteAddress: string, headers: Record<string, string>): Arrival {
  return { remoteAddress, headers: new Map(Object.entries(headers)) } as unknown as Arrival;
}
