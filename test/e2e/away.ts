/** A browser that is sent on to another provider, and comes back. */
import { asPage, asTarget, type Browser, openBrowser, type Page } from "./browser.ts";

/** Presses the button of a provider on the login page. @returns where the browser is sent */
export async function pressProvider(browser: Browser, login: Page | URL, name: string): Promise<URL> {
  const page = asPage(await browser.submit(asPage(login), { do: `with:${name}` }));
  const [, url = ""] = /<meta http-equiv="refresh" content="0;url=([^"]+)">/.exec(page.html) ?? [];
  if (url === "") throw new Error(`sent nowhere (${page.status}):\n${page.html}`);
  return new URL(url.replaceAll("&amp;", "&"));
}

/** Logs in at the provider, where somebody is not yet. @returns where the provider sends the browser back to */
export async function logInThere(there: Browser, url: URL, user: string): Promise<URL> {
  const place = await there.open(url);
  return place instanceof URL ? place : asTarget(await there.submit(place, { user }));
}

/** The browser, as far as the provider sees it. */
export function openThere(origin: string): Browser {
  return openBrowser(globalThis.fetch, origin);
}
