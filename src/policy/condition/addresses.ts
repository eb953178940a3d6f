/** Addresses in conditions: whether one is in a block, as the address lists of the configuration ask it. */
import { type CelFunc, CelScalar, celMethod } from "@bufbuild/cel";
import { type AddressSet, createAddressSet, plainAddress, readCidr } from "../../network/cidr.ts";
import { pay } from "./purse.ts";

const { BOOL, STRING } = CelScalar;

/** Longer than any address. */
const maxAddressLength = 64;

/** Blocks stand in policies only, so there are few. */
const blocks = new Map<string, AddressSet>();
const maxBlocks = 1_000;

function blockOf(text: string): AddressSet {
  const known = blocks.get(text);
  if (known !== undefined) return known;
  const cidr = readCidr(text);
  if (cidr === undefined) throw new RangeError("this is no block of addresses");
  const block = createAddressSet([cidr]);
  if (blocks.size >= maxBlocks) blocks.clear();
  blocks.set(text, block);
  return block;
}

/** @throws RangeError for what is no address: that is in no block, but the server may well read one in it */
function readAddress(text: string): string {
  const isPlain = text.length <= maxAddressLength && !/[/%]/.test(text);
  const ip = isPlain ? plainAddress(text) : "";
  if (readCidr(ip) === undefined) throw new RangeError("this is no address");
  return ip;
}

export const addressFunctions: readonly CelFunc[] = [
  celMethod("inCidr", STRING, [STRING], BOOL, function (block) {
    pay(5_000);
    return blockOf(block).has(readAddress(this));
  }),
];
