import type { Fingerprint } from "../crypto/fingerprint.ts";
import type { Sealer } from "../crypto/seal.ts";
import { Denial } from "../denial.ts";
import { unsealSession } from "../mcp/session.ts";
import type { Door, Doors } from "./doors.ts";

/** What it takes to tell whose session was ended. */
export interface RevokedRules {
  readonly sealer: Sealer;
  readonly fingerprint: Fingerprint;
  /** Whether an operator has ended a session, by its fingerprint. */
  readonly isRevoked: (fingerprint: string | null) => boolean;
}

/** A door has one session at most, and its fingerprint is always the same. */
const fingerprints = new WeakMap<Door, string>();

/** Closes the doors whose session an operator has ended: a stream of 2024-11-05 is opened before its session begins, and says nothing of it. */
export function closeRevoked(doors: Doors, rules: RevokedRules): void {
  for (const door of doors.all()) {
    if (rules.isRevoked(fingerprintOf(door, rules)))
      door.close(new Denial("session_revoked", { detail: "by an operator" }));
  }
}

function fingerprintOf(door: Door, { sealer, fingerprint }: RevokedRules): string | null {
  const known = fingerprints.get(door);
  if (known !== undefined || door.sessionId === null) return known ?? null;
  const contents = unsealSession(sealer, door.sessionId);
  if (contents === undefined) return null;
  const found = fingerprint("mcp-session", contents.upstreamId);
  fingerprints.set(door, found);
  return found;
}
