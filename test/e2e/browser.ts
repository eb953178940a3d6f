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
  /** Fills in the form of a page and presses a button. */
  submit(page: Page, fields: Readonly<Record<string, string>>): Promise<Page | URL>;
  /** Names of the cookies it has. */
  cookies(): string[];
}

const maxSteps = 10;

/** A browser that has been nowhere yet. */
export function openBrowser(fetch: Fetch, origin: string): Browser {
  const jar = new Map<string, Cookie>();

  async function go(url: URL, init: RequestInit): Promise<Page | URL> {
    let [next, how] = [url, init];
    for (let step = 0; step < maxSteps; step += 1) {
      if (next.origin !== origin) return next;
      const cookie = [...jar.values()]
        .filter(({ path }) => next.pathname === path || next.pathname.startsWith(path === "/" ? "/" : `${path}/`))
        .map(({ name, value }) => `${name}=${value}`)
        .join("; ");
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
      const hidden = [...page.html.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)">/g)];
      const body = new URLSearchParams({
        ...Object.fromEntries(hidden.map(([, name, value]) => [name, value])),
        ...fields,
      });
      const headers = { "content-type": "application/x-www-form-urlencoded", origin };
      return go(page.url, { method: "POST", body: body.toString(), headers });
    },
    cookies: () => [...jar.values()].map(({ name }) => name),
  };
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
