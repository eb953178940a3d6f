/**
 * Browsers that a user has logged in with before (OWASP, Slow Down Online Guessing Attacks with Device Cookies): a cookie of each user, which
 * says nothing but that and lets nobody in. Pure.
 */

import type { Fingerprint } from "../../crypto/fingerprint.ts";
import { readCookie } from "./cookies.ts";

/** How long a browser is known after a login. */
const lifeMs = 180 * 86_400_000;

/** Without the name of the user, which is nothing for others who use the browser. */
function nameOf(fingerprint: Fingerprint, user: string): string {
  return `__Host-sallyport-known-${fingerprint("login-browser-name", user)}`;
}

function sign(fingerprint: Fingerprint, user: string, id: string, atMs: string): string {
  return fingerprint("login-browser", JSON.stringify([user, id, atMs]));
}

/**
 * The `Set-Cookie` header that makes a browser known.
 *
 * @param id letters and digits, of this browser alone
 */
export function rememberBrowser(fingerprint: Fingerprint, user: string, id: string, nowMs: number): string {
  const value = `${id}.${nowMs}.${sign(fingerprint, user, id, String(nowMs))}`;
  return `${nameOf(fingerprint, user)}=${value}; Path=/; Max-Age=${lifeMs / 1_000}; Secure; HttpOnly; SameSite=Lax`;
}

/** The id of a browser by its `Cookie` header; null where this user has not logged in with it, or too long ago. */
export function recognizeBrowser(
  fingerprint: Fingerprint,
  user: string,
  cookies: string | undefined,
  nowMs: number,
): string | null {
  const [id, atMs, signature] = readCookie(cookies, nameOf(fingerprint, user)).split(".");
  if (id === undefined || atMs === undefined || signature !== sign(fingerprint, user, id, atMs)) return null;
  return nowMs - Number(atMs) < lifeMs ? id : null;
}
