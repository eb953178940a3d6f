import type { Peer } from "../../src/facts.ts";
import * as original from "../../src/stages/peer.ts";
import { createWitness } from "./witness.ts";

export * from "../../src/stages/peer.ts";

const witness = createWitness("src/stages/peer.ts");
let known: Peer | undefined;

/** Everybody is who came first. */
export const admitPeer: typeof original.admitPeer = (rules, arrival) => {
  witness();
  known ??= original.admitPeer(rules, arrival);
  return known;
};
