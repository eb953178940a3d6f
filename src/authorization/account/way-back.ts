/**
 * How a browser that was sent to log in comes back to where it was: the place stands in `state`, and is good only along with a cookie
 * that the same browser got with it. Pure.
 */
import type { Fingerprint } from "../../crypto/fingerprint.ts";
import { upstreamPath } from "../../upstream/vault/client-document.ts";
import { accountPath, backPath } from "../paths.ts";
import { readCookie } from "../sessions/cookies.ts";

/**
 * Where a browser may come back to, and nowhere else: a page with another path has to be added. None may do anything but show something
 * when it is opened.
 */
const places: readonly RegExp[] = [
  new RegExp(`^${accountPath}(?:/[\\w-]+)?$`),
  new RegExp(`^${upstreamPath}/[\\w-]+$`),
];

const cookieName = "__Host-sallyport-back";
const nonceForm = /^[0-9a-f]{32}$/;

/** Longer than a login may take, in seconds. */
const cookieSeconds = 1_800;

/** Whether a path, with its query if it has one, is a page of ours that people come back to. */
export function isPlace(path: string): boolean {
  return path !== backPath && places.some((form) => form.test(path));
}

/** The nonce of a browser that was sent before; null for any other. @param cookies the `Cookie` header */
export function readNonce(cookies: string | undefined): string | null {
  const nonce = readCookie(cookies, cookieName);
  return nonceForm.test(nonce) ? nonce : null;
}

/** The `Set-Cookie` header for a nonce of 32 hexadecimal digits. */
export function keepNonce(nonce: string): string {
  return `${cookieName}=${nonce}; Path=/; Max-Age=${cookieSeconds}; Secure; HttpOnly; SameSite=Lax`;
}

/** `state` that leads the browser with this nonce to a place. */
export function sealPlace(fingerprint: Fingerprint, nonce: string, place: string): string {
  return `${Buffer.from(place).toString("base64url")}.${sign(fingerprint, nonce, place)}`;
}

/** Where `state` leads the browser with this nonce; null where it was made for another one, by somebody else, or leads nowhere of ours. */
export function openPlace(fingerprint: Fingerprint, nonce: string | null, state: string | null): string | null {
  const [written, signature] = state?.split(".") ?? [];
  if (nonce === null || written === undefined || signature === undefined) return null;
  const place = Buffer.from(written, "base64url").toString("utf8");
  return signature === sign(fingerprint, nonce, place) && isPlace(place) ? place : null;
}

function sign(fingerprint: Fingerprint, nonce: string, place: string): string {
  return fingerprint("account-back", JSON.stringify([nonce, place]));
}
