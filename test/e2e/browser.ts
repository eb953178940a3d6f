/** As much of a browser as logging in takes: cookies, redirects, forms. */

type Fetch = typeof globalThis.fetch;

interface Cookie {
  readonly name: string;
  readonly value: string;
  readonly path: string;
}

/** Where a browser is. */
export interface Page {
  readonly url: URL;
  readonly status: number;
  readonly html: string;
  readonly headers: Headers;
}

export interface Browser {
  /** Goes somewhere, and on to wherever it is sent; a redirect away from the gateway ends at the URL it names. */
  open(url: URL | string): Promise<Page | URL>;
  /** Fills in the form of a page that has the button `do`, or its first one, and presses that. */
  submit(page: Page, fields: Readonly<Record<string, string>>): Promise<Page | URL>;
  /** Posts what no button would, with its cookies, as a page of another site can make it do. */
  send(url: URL, form: URLSearchParams, headers: Readonly<Record<string, string>>): Promise<Page | URL>;
  /** The `Cookie` header that it sends to a path. */
  header(path: string): string;
  /** Names of the cookies it has. */
  cookies(): string[];
  /** The value of one of them. */
  cookie(name: string): string | undefined;
  /** Has a cookie of another browser. */
  take(name: string, value: string): void;
}

const maxSteps = 10;

/** A browser that has been nowhere yet. */
export function openBrowser(fetch: Fetch, origin: string): Browser {
  const jar = new Map<string, Cookie>();

  function header(to: string): string {
    return [...jar.values()]
      .filter(({ path }) => to === path || to.startsWith(path === "/" ? "/" : `${path}/`))
      .map(({ name, value }) => `${name}=${value}`)
      .join("; ");
  }

  async function go(url: URL, init: RequestInit): Promise<Page | URL> {
    let [next, how] = [url, init];
    for (let step = 0; step < maxSteps; step += 1) {
      if (next.origin !== origin) return next;
      const cookie = header(next.pathname);
      const headers = { accept: "text/html", ...(cookie !== "" && { cookie }), ...how.headers };
      const answer = await fetch(next, { ...how, headers, redirect: "manual" });
      for (const line of answer.headers.getSetCookie()) keep(line, next);
      const location = answer.headers.get("location");
      if (location === null)
        return { url: next, status: answer.status, html: await answer.text(), headers: answer.headers };
      [next, how] = [new URL(location, next), {}];
    }
    throw new Error("redirected for ever");
  }

  function keep(line: string, from: URL): void {
    const [pair = "", ...attributes] = line.split(/; */);
    const [name = "", value = ""] = pair.split("=");
    const path = attributes.find((each) => /^path=/i.test(each))?.slice(5) ?? from.pathname;
    // Those of several pages have one name, and each its own path.
    const key = `${name};${path}`;
    if (value === "") jar.delete(key);
    else jar.set(key, { name, value, path });
  }

  return {
    open: (url) => go(new URL(url), {}),
    submit(page, fields) {
      const forms = page.html.match(/<form.*?<\/form>/gs) ?? [];
      const form = forms.find((each) => each.includes(`name="do" value="${fields.do}"`)) ?? forms[0] ?? "";
      const hidden = [...form.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)">/g)];
      const [, action = ""] = /^<form[^>]* action="([^"]+)"/.exec(form) ?? [];
      const body = new URLSearchParams({
        ...Object.fromEntries(hidden.map(([, name, value]) => [name, value])),
        ...fields,
      });
      const headers = { "content-type": "application/x-www-form-urlencoded", origin };
      return go(new URL(action, page.url), { method: "POST", body: body.toString(), headers });
    },
    send(url, form, headers) {
      const type = { "content-type": "application/x-www-form-urlencoded" };
      return go(url, { method: "POST", body: form.toString(), headers: { ...type, ...headers } });
    },
    header,
    cookies: () => [...jar.values()].map(({ name }) => name),
    cookie: (name) => [...jar.values()].find((each) => each.name === name)?.value,
    take: (name, value) => void jar.set(`${name};/`, { name, value, path: "/" }),
  };
}

/** Goes on from the page on which somebody hears what happened to their login. @throws Error where the browser is on another one */
export function goOn(browser: Browser, place: Page | URL, as: "noted" | "later" = "noted"): Promise<Page | URL> {
  const page = asPage(place);
  if (!page.html.includes("<h1>What happened lately</h1>")) throw new Error(`nothing to go on from:\n${page.html}`);
  return browser.submit(page, { do: as });
}

/** @throws Error where the browser is not on a page */
export function asPage(place: Page | URL): Page {
  if (place instanceof URL) throw new Error(`sent away to ${place}`);
  return place;
}

/** @throws Error with the page where the browser was not sent away */
export function asTarget(place: Page | URL): URL {
  if (place instanceof URL) return place;
  throw new Error(`still on ${place.url} (${place.status}):\n${place.html}`);
}
