/** Logins whose people are away at a provider. What one is known by afterwards exists only once its person has agreed to go. */
import { hash, randomBytes } from "node:crypto";
import { z } from "zod";
import type { Kind, Store } from "../../state/store.ts";
import { readCookie } from "../sessions/cookies.ts";
import { FederationFailure } from "./failure.ts";

const departureSchema = z.strictObject({
  provider: z.string(),
  /** Digest of what its browser has in a cookie. */
  browser: z.string(),
  /** The page it was begun on. */
  uid: z.string(),
  nonce: z.string(),
  /** PKCE. */
  verifier: z.string(),
  wanted: z.strictObject({
    mfa: z.boolean(),
    maxAgeMs: z.number().nullable(),
    hardware: z.literal(true).exactOptional(),
    again: z.boolean(),
  }),
  startedMs: z.number(),
});
export type Departure = z.output<typeof departureSchema>;

/** By `state`. */
const departures: Kind<Departure> = { name: "login-away", schema: departureSchema };

/** How long somebody may take at a provider (MCP security best practices: some ten minutes). */
const awayMs = 600_000;

const cookieName = "__Host-sallyport-away";
const browserForm = /^[\w-]{43}$/;

/** 256 bits, as base64url. */
export function newToken(): string {
  return randomBytes(32).toString("base64url");
}

/** What a browser is known by until its login is done, if it is; one that logs in in several tabs is the same in all of them. */
export function findBrowser(cookies: string | undefined): string | null {
  const browser = readCookie(cookies, cookieName);
  return browserForm.test(browser) ? browser : null;
}

/** The `Set-Cookie` header. Lax, since it is another site that sends the browser back. */
export function rememberAway(browser: string): string {
  return `${cookieName}=${browser}; Path=/; Max-Age=${awayMs / 1_000}; Secure; HttpOnly; SameSite=Lax`;
}

export function digestBrowser(browser: string): string {
  return hash("sha256", browser, "base64url");
}

export async function keepDeparture(store: Pick<Store, "put">, state: string, departure: Departure): Promise<void> {
  await store.put(departures, state, departure, { expiresAtMs: departure.startedMs + awayMs });
}

/**
 * Takes the login that an answer is of: once, and for the browser that it was begun in.
 *
 * @throws FederationFailure `return_unknown`, `return_mixed`, `return_foreign`
 */
export async function takeDeparture(
  store: Pick<Store, "get" | "delete">,
  state: string | null,
  provider: string,
  browser: string | null,
): Promise<Departure> {
  const found = state === null ? null : await store.get(departures, state);
  if (state === null || found === null)
    throw new FederationFailure("return_unknown", "`state` is not known, or no more");
  const { value, revision } = found;
  // Somebody else's answer is left to whom it belongs.
  if (browser === null || digestBrowser(browser) !== value.browser) {
    throw new FederationFailure("return_foreign", "the answer came to another browser than the login was begun in");
  }
  const isFirst = await store.delete(departures, state, revision);
  if (!isFirst) throw new FederationFailure("return_unknown", "the answer was used in the same moment");
  if (value.provider !== provider) {
    throw new FederationFailure(
      "return_mixed",
      `the answer of ${value.provider} came to where those of ${provider} go`,
    );
  }
  return value;
}
