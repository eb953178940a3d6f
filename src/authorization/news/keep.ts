/** Keeps what people are to hear of their logins, for pages and for commands that run beside the gateway. */
import type { Store } from "../../state/store.ts";
import { addEvent, findUnread, type News, newsKind, noNews, type What } from "./news.ts";

/** How long what was not added to is kept, in milliseconds: it has addresses. */
const keptMs = 365 * 86_400_000;
const maxTries = 20;

export async function readNews(store: Pick<Store, "get">, name: string): Promise<News> {
  return (await store.get(newsKind, name))?.value ?? noNews;
}

/** Whether there is something that somebody has to be told before they go on. */
export async function hasNews(store: Pick<Store, "get">, name: string): Promise<boolean> {
  return findUnread(await readNews(store, name)).due;
}

/**
 * @param change gives back what it was given where there is nothing to write
 * @param nowMs milliseconds since the epoch
 */
export async function changeNews(
  store: Pick<Store, "get" | "put">,
  name: string,
  change: (news: News) => News,
  nowMs: number,
): Promise<void> {
  for (let left = maxTries; left > 0; left -= 1) {
    const found = await store.get(newsKind, name);
    const before = found?.value ?? noNews;
    const after = change(before);
    if (after === before) return;
    // In the end whatever is there is replaced: what another version has written cannot be read, and must not keep this from being told.
    const expected = left > 1 ? { expected: found?.revision ?? 0 } : {};
    if ((await store.put(newsKind, name, after, { ...expected, expiresAtMs: nowMs + keptMs })) !== null) return;
  }
}

/** Lets somebody hear what an operator did to their login. */
export async function tellOwner(
  store: Pick<Store, "get" | "put">,
  name: string,
  what: What,
  nowMs: number,
): Promise<void> {
  const event = { what, by: "operator", atMs: nowMs, ip: null } as const;
  await changeNews(store, name, (news) => addEvent(news, event), nowMs);
}
