import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { Secret } from "../../../src/config/secret.ts";
import { readDuration, readSize } from "../../../src/config/units.ts";
import { readAddress, renderAddress } from "../../../src/network/address.ts";

describe("units", () => {
  it.each([
    ["250ms", 250],
    ["30s", 30_000],
    ["5m", 300_000],
    ["8h", 28_800_000],
    ["1d", 86_400_000],
    ["30", undefined],
    ["-1s", undefined],
    ["1.5s", undefined],
    ["30 s", undefined],
    ["1M", undefined],
    ["", undefined],
  ])("duration %j → %s", (text, ms) => expect(readDuration(text)).toBe(ms));

  it.each([
    ["512B", 512],
    ["16KiB", 16_384],
    ["1MiB", 1_048_576],
    ["1GiB", 1_073_741_824],
    ["1MB", undefined],
    ["1", undefined],
  ])("size %j → %s", (text, bytes) => expect(readSize(text)).toBe(bytes));
});

describe("addresses", () => {
  it.each([
    ["127.0.0.1:8443", { host: "127.0.0.1", port: 8443 }],
    ["[::1]:0", { host: "::1", port: 0 }],
    ["localhost:80", undefined],
    ["::1:80", undefined],
    ["127.0.0.1", undefined],
    ["127.0.0.1:65536", undefined],
    ["[127.0.0.1]:80", undefined],
  ])("%s", (text, address) => expect(readAddress(text)).toEqual(address));

  it.each(["127.0.0.1:8443", "[::1]:443"])("%s is written as it is read", (text) => {
    const address = readAddress(text);
    expect(address && renderAddress(address)).toBe(text);
  });
});

describe("Secret", () => {
  it("shows itself to nobody who does not ask for it", () => {
    const secret = new Secret("hunter2");
    const shown = [
      `${secret}`,
      String(secret),
      JSON.stringify({ secret }),
      inspect(secret),
      inspect({ secret }, { showHidden: true }),
    ];
    expect(shown.join(" ")).not.toContain("hunter2");
    expect(secret.reveal()).toBe("hunter2");
  });
});
