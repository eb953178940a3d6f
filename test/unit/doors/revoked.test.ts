import { createSecretKey, randomBytes } from "node:crypto";
import { expect, it } from "vitest";
import type { Sealer } from "../../../src/crypto/seal.ts";
import { seal, unseal } from "../../../src/crypto/seal.ts";
import { createDoors } from "../../../src/doors/doors.ts";
import { closeRevoked } from "../../../src/doors/revoked.ts";
import type { Arrival, Identity } from "../../../src/facts.ts";
import { sealSession } from "../../../src/mcp/session.ts";
import type { EventStream } from "../../../src/reply.ts";

const key = { kid: Buffer.from("abcd"), key: createSecretKey(randomBytes(32)) };
const sealer: Sealer = {
  seal: (purpose, payload) => seal(key, purpose, payload, randomBytes),
  unseal: (purpose, text) => unseal([key], purpose, text),
};
const identity = { key: "alice" } as Identity;
const place = { server: "alpha", identity, arrival: {} as Arrival, stream: {} as EventStream };

it("closes the door of a session that was ended, and no other", () => {
  const doors = createDoors();
  const [mine, other, none] = [doors.open(place), doors.open(place), doors.open(place)];
  const begin = (upstreamId: string) =>
    sealSession(sealer, { upstreamId, server: "alpha", identityKey: identity.key, issuedAtMs: 0 });
  mine.begin(begin("up-1"));
  other.begin(begin("up-2"));
  const revoked = new Set<string | null>();
  const rules = {
    sealer,
    fingerprint: (label: string, text: string) => `${label} ${text}`,
    isRevoked: (name: string | null) => revoked.has(name),
  };
  closeRevoked(doors, rules);
  revoked.add("mcp-session up-1");
  closeRevoked(doors, rules);
  expect([mine, other, none].map(({ closed }) => closed.aborted)).toEqual([true, false, false]);
  expect(mine.closed.reason).toMatchObject({ code: "session_revoked" });
});
