/** Goes through the gateway's own login pages as a person with a browser would. */
import { isBack } from "./authorize.ts";
import type { Answer, Ask } from "./wire.ts";

/** Who logs in. */
export interface Person {
  readonly user: string;
  readonly password: string;
}

/** Their browser, in which they log in once, for whichever client: each login is an attempt, of which there are few. */
export interface Browser {
  /** By name; the gateway's, which alone is asked. */
  readonly cookies: Map<string, string>;
  /** What came of the password where it did not let them in: it is not tried again. */
  refused: string | null;
}

/** A browser in which nobody is logged in. */
export function openBrowser(): Browser {
  return { cookies: new Map(), refused: null };
}

/** What came of it. */
export interface Walked {
  /** The answer for the client. */
  readonly back: URL;
  /** The browser session that was begun at the gateway, to be ended; null where there is none. */
  readonly session: string | null;
}

const maxSteps = 12;
const sessionCookie = "__Host-sallyport";

/**
 * @param start the authorization request, at the gateway
 * @throws Error with a sentence for an operator, where it does not get through
 */
export async function walkPages(
  ask: Ask,
  start: string,
  redirectUri: string,
  person: Person,
  browser: Browser,
): Promise<Walked> {
  const home = new URL(start).origin;
  const { cookies: jar } = browser;
  const cookies = () => [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
  const keep = ({ cookies: told }: Answer) => {
    for (const line of told) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === "") jar.delete(name);
      else jar.set(name, value);
    }
  };
  const read = (url: string) => ask(url, { headers: { accept: "text/html", cookie: cookies() } });
  let answer = await read(start);
  let asked = false;
  for (let step = 0; step < maxSteps; step += 1) {
    keep(answer);
    const to = answer.headers.location === undefined ? null : URL.parse(answer.headers.location, answer.url);
    if (to !== null && isBack(to, redirectUri)) return { back: to, session: jar.get(sessionCookie) ?? null };
    // Somebody else's pages must not get the password.
    if (to !== null && to.origin !== home)
      throw new Error(`the login goes on at ${to.origin}: use --login, and a browser`);
    if (to !== null) {
      answer = await read(to.href);
      continue;
    }
    const fields = fieldsOf(answer.body, person, browser);
    if (fields === "password") {
      if (asked) browser.refused = alertOf(answer.body) ?? "user name or password is not right";
      if (browser.refused !== null) throw new Error(browser.refused);
      asked = true;
    }
    const body = new URLSearchParams({ ...hiddenOf(answer.body), ...choices(fields, person, answer) }).toString();
    const headers = { "content-type": "application/x-www-form-urlencoded", origin: home, cookie: cookies() };
    answer = await ask(answer.url, { method: "POST", headers, body });
  }
  throw new Error("the login goes round in circles");
}

type Page = "password" | "consent" | "notice";

/** What a page asks for. */
function fieldsOf(html: string, { user }: Person, browser: Browser): Page {
  if (/<input[^>]* name="new"/.test(html)) {
    throw new Error(`${user} has to choose a password of their own first: log in with a browser`);
  }
  if (/<input[^>]* type="password"/.test(html)) return "password";
  if (/<button[^>]* value="allow"/.test(html)) return "consent";
  if (/<button[^>]* value="later"/.test(html)) return "notice";
  if (/<input[^>]* name="code"/.test(html)) {
    browser.refused = `${user} has a second factor: use --login, and a browser`;
    throw new Error(browser.refused);
  }
  const [, text] = /<p>([^<]+)<\/p>/.exec(html) ?? [];
  throw new Error(text ?? "the login comes to a page that is not known here: use --login, and a browser");
}

function choices(page: Page, { user, password }: Person, { url }: Answer): Record<string, string> {
  if (page === "consent") return { do: "allow" };
  // It is for the person, who is to see it still.
  if (page === "notice") return { do: "later" };
  if (new URL(url).protocol !== "https:" && !/^http:\/\/(?:localhost|127\.|\[::1\])/.test(url)) {
    throw new Error("a password is not sent without TLS");
  }
  return { user, password, do: "login" };
}

/** Of the first form, which is what the page is for; at its end there may be another one, to log out. */
function hiddenOf(html: string): Record<string, string> {
  const [form = ""] = html.split("</form>", 1);
  const found = [...form.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)">/g)];
  return Object.fromEntries(found.map(([, name = "", value = ""]) => [name, value]));
}

function alertOf(html: string): string | undefined {
  return /<p role="alert">([^<]+)<\/p>/.exec(html)?.[1];
}
