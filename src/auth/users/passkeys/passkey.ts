/** Passkeys (Web Authentication Level 3) of those who log in at the gateway itself. Pure. */
import { z } from "zod";
import type { Kind } from "../../../state/store.ts";

const passkeySchema = z.strictObject({
  /** Of the credential, in base64url. */
  id: z.string(),
  /** COSE key, in base64url. */
  publicKey: z.string(),
  /** How far the authenticator had counted; 0 for one that does not count. */
  counter: z.number(),
  /** How the authenticator is reached, for browsers. */
  transports: z.array(z.string()),
  /** Whether it may be copied to other devices, and whether it has been, as the authenticator says. */
  copyable: z.boolean(),
  copied: z.boolean(),
  /** What its owner calls it. */
  label: z.string(),
  createdAtMs: z.number(),
  /** Day of the last login with it, in UTC; null before that. */
  usedOn: z.string().nullable(),
});
export type Passkey = z.output<typeof passkeySchema>;

const ringSchema = z.strictObject({
  /** What authenticators know the user by, which says nothing of them: 43 base64url characters. */
  handle: z.string(),
  /** The oldest first. */
  keys: z.array(passkeySchema),
});
export type PasskeyRing = z.output<typeof ringSchema>;

/** Where they are kept: all of a user in one entry, by the name of the user. */
export const passkeyRings: Kind<PasskeyRing> = { name: "passkeys", schema: ringSchema };

/** Names of users by the id of a credential, which nobody else may have as well (section 7.1). */
export const passkeyOwners: Kind<string> = { name: "passkey-owner", schema: z.string() };

/** As many as somebody may have. */
export const maxPasskeys = 10;

const maxLabel = 60;

/** What somebody may call a passkey: a line of text that shows as what it is, wherever it is listed. */
export function readLabel(text: string): string {
  const shown = text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, "").trim();
  return shown === "" ? "Passkey" : [...shown].slice(0, maxLabel).join("");
}

/** The beginning of an id, which tells passkeys apart in records: long random text does not show there. */
export function markOf(id: string): string {
  return id.slice(0, 8);
}

/** The day of a moment, in UTC. */
export function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
