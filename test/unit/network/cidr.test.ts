import { describe, expect, it } from "vitest";
import { createAddressSet, limitKey, plainAddress, readCidr } from "../../../src/network/cidr.ts";

describe("readCidr", () => {
  it.each([
    ["10.0.0.0/8", { family: "ipv4", network: "10.0.0.0", prefix: 8 }],
    ["192.0.2.1", { family: "ipv4", network: "192.0.2.1", prefix: 32 }],
    ["0.0.0.0/0", { family: "ipv4", network: "0.0.0.0", prefix: 0 }],
    ["::1", { family: "ipv6", network: "::1", prefix: 128 }],
    ["2001:db8::/32", { family: "ipv6", network: "2001:db8::", prefix: 32 }],
    ["::/0", { family: "ipv6", network: "::", prefix: 0 }],
  ])("reads %s", (text, cidr) => expect(readCidr(text)).toEqual(cidr));

  it.each([
    "",
    "10.0.0.0/33",
    "10.0.0.0/-1",
    "10.0.0.0/08",
    "10.0.0.0/",
    "10.0.0.0/8 ",
    "10.0.0/8",
    "10.0.0.1/8",
    "010.0.0.0/8",
    "0x0a010203",
    "10.1.2.3/255.0.0.0",
    "1",
    "2001:db8::1/32",
    "::ffff:10.0.0.0/104",
    "fe80::1%eth0",
    "::1/129",
    "localhost",
    "*",
  ])("refuses %j, which would match nothing or something else", (text) => expect(readCidr(text)).toBeUndefined());
});

describe("address sets", () => {
  const set = createAddressSet(
    ["10.0.0.0/8", "2001:db8::/32", "0.0.0.0/32"].map((text) => readCidr(text)).filter((c) => c !== undefined),
  );

  it.each([
    ["10.255.0.1", true],
    ["11.0.0.0", false],
    ["2001:db8:ffff::1", true],
    ["2001:db9::", false],
    ["", false],
    ["nonsense", false],
  ])("%j → %s", (ip, expected) => expect(set.has(ip)).toBe(expected));

  it("matches everything with a prefix of 0", () => {
    const all = createAddressSet([readCidr("0.0.0.0/0"), readCidr("::/0")].filter((c) => c !== undefined));
    expect([all.has("203.0.113.9"), all.has("2001:db8::9")]).toEqual([true, true]);
  });
});

describe("plainAddress", () => {
  it.each([
    ["::ffff:127.0.0.1", "127.0.0.1"],
    ["::ffff:7f00:1", "127.0.0.1"],
    ["0:0:0:0:0:ffff:10.1.2.3", "10.1.2.3"],
    ["fe80::1%eth0", "fe80::1"],
    ["::1", "::1"],
    ["127.0.0.1", "127.0.0.1"],
    ["::127.0.0.1", "::127.0.0.1"],
    ["", ""],
  ])("%s is %s", (address, plain) => expect(plainAddress(address)).toBe(plain));
});

describe("limitKey", () => {
  it("counts an IPv4 address by itself", () => expect(limitKey("192.0.2.1")).toBe("192.0.2.1"));
  it("counts all addresses of an IPv6 /64 as one", () => {
    expect(limitKey("2001:db8:0:1::1")).toBe(limitKey("2001:db8:0:1:ffff:ffff:ffff:ffff"));
    expect(limitKey("2001:db8:0:1::1")).not.toBe(limitKey("2001:db8:0:2::1"));
  });
});
