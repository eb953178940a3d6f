/** Users with passkeys, at the authorization server of `world.ts`. */
import { readRegistration } from "../../../src/auth/users/passkeys/answer.ts";
import { createPasskeys } from "../../../src/auth/users/passkeys/passkeys.ts";
import { verifyRegistration } from "../../../src/auth/users/passkeys/verify.ts";
import type { Demand } from "../../../src/authorization/demands.ts";
import { asPage, type Browser, type Page } from "../../e2e/browser.ts";
import { type Authenticator, createAuthenticator, readOptions, type Twist } from "../../fixtures/authenticator.ts";
import { openWorld, origin } from "./world.ts";

export const site = { origin, rpId: "gateway.test" };

/** Ann and bob, each with a passkey. */
export async function openPasskeyWorld(scopes: Readonly<Record<string, Demand>> = {}) {
  const world = await openWorld(scopes);
  const passkeys = createPasskeys(world.store, Date.now);

  /** Gives a passkey to somebody. */
  async function give(name: string, kind?: "counts" | "copies"): Promise<Authenticator> {
    const authenticator = createAuthenticator(origin, kind);
    const options = { challenge: "c", rp: { id: site.rpId }, user: { id: await passkeys.handleOf(name), name } };
    const answer = readRegistration(JSON.stringify(authenticator.create(options)));
    await passkeys.add(name, await verifyRegistration(site, "c", answer, "Laptop", Date.now()));
    return authenticator;
  }

  for (const name of ["ann", "bob"]) await world.addUser(name);
  return { world, passkeys, give, ann: await give("ann"), bob: await give("bob") };
}

/** Presses the button on a login page. */
export async function askPasskey(browser: Browser, page: Page | URL): Promise<Page> {
  return asPage(await browser.submit(asPage(page), { do: "passkey" }));
}

/** Has an authenticator answer a page that asks for a passkey. */
export function answer(browser: Browser, page: Page, authenticator: Authenticator, twist?: Twist): Promise<Page | URL> {
  return send(browser, page, authenticator.get(readOptions(page.html), twist));
}

export function send(browser: Browser, page: Page, said: unknown): Promise<Page | URL> {
  return browser.submit(page, { do: "passkey-answer", answer: JSON.stringify(said) });
}
