/** What happened to somebody's login lately, for themselves to read: the gateway sends no mail, so they hear of it on its pages. Pure. */
import { z } from "zod";
import type { Kind } from "../../state/store.ts";

/** Attempts that came to nothing, counted in one, so that however many there are they take no room from anything else. */
const tallySchema = z.strictObject({
  count: z.number(),
  /** How many of them had the right password, and no right code. */
  halfway: z.number(),
  /** There were more that were not even looked at, because of too many before. */
  limited: z.boolean(),
  firstMs: z.number(),
  lastMs: z.number(),
  /** Of the last one. */
  ip: z.string(),
});
export type Tally = z.output<typeof tallySchema>;

const whats = [
  "password-changed",
  "password-given",
  "password-chosen",
  "factor-added",
  "factor-removed",
  "passkey-added",
  "passkey-removed",
  "logins-ended",
  "browser-new",
] as const;
export type What = (typeof whats)[number];

const eventSchema = z.strictObject({
  n: z.number(),
  what: z.enum(whats),
  by: z.enum(["owner", "operator"]),
  atMs: z.number(),
  /** Of their browser; null of an operator, who has a command for it. */
  ip: z.string().nullable(),
});
export type NewsEvent = z.output<typeof eventSchema>;

const newsSchema = z.strictObject({
  /** The number that was given last. */
  n: z.number(),
  /** Up to which number its owner has read. */
  seen: z.number(),
  /** The oldest first. */
  events: z.array(eventSchema),
  /** Since the last good login: those of one page, and those of others before it. */
  failing: z.strictObject({
    others: tallySchema.nullable(),
    own: tallySchema.extend({ page: z.string() }).nullable(),
  }),
  /** Those that were before a good login. */
  failed: tallySchema.extend({ n: z.number() }).nullable(),
});
export type News = z.output<typeof newsSchema>;

/** By the name of an account, of whatever sort. */
export const newsKind: Kind<News> = { name: "account-news", schema: newsSchema };

export const noNews: News = { n: 0, seen: 0, events: [], failing: { others: null, own: null }, failed: null };

const maxEvents = 20;
/** Whoever uses a new browser each time hides nothing else by it. */
const maxBrowsers = 5;
/** Not worth a page of their own: whoever does these is on a page that says so. They are told along with others, and on the account page. */
const quiet: ReadonlySet<What> = new Set(["password-chosen", "browser-new"]);
/** As many wrong ones on the page of a login that then went well are somebody's own typing. */
const maxTyping = 2;
/** How often an attempt that was not looked at is written down, in milliseconds: it costs whoever makes it nothing. */
const limitedMs = 60_000;

export function addEvent(news: News, event: Omit<NewsEvent, "n">): News {
  const n = news.n + 1;
  const all = [...news.events, { ...event, n }];
  const browsers = all.filter(({ what }) => what === "browser-new");
  const dropped = new Set(browsers.slice(0, -maxBrowsers));
  return { ...news, n, events: all.filter((each) => !dropped.has(each)).slice(-maxEvents) };
}

/** An attempt to log in that came to nothing. */
export interface Failure {
  /** Where it was made: one page of one login. */
  readonly page: string;
  readonly halfway: boolean;
  readonly limited: boolean;
  readonly atMs: number;
  readonly ip: string;
}

/** @returns the same where there is nothing to write down */
export function countFailure(news: News, { page, halfway, limited, atMs, ip }: Failure): News {
  const { others, own } = news.failing;
  if (limited && own?.limited === true && atMs - own.lastMs < limitedMs) return news;
  const one = { count: limited ? 0 : 1, halfway: halfway ? 1 : 0, limited, firstMs: atMs, lastMs: atMs, ip };
  const failing =
    own?.page === page
      ? { others, own: { ...add(own, one), page } }
      : { others: own === null ? others : add(others, tallyOf(own)), own: { ...one, page } };
  return { ...news, failing };
}

/** A login went well on a page. @returns the same where there were no failures */
export function closeFailures(news: News, page: string): News {
  const { others, own } = news.failing;
  if (own === null) return news;
  const isTyping = own.page === page && own.count <= maxTyping && !own.limited;
  const counted = isTyping ? others : add(others, tallyOf(own));
  const closed = { ...news, failing: noNews.failing };
  if (counted === null) return closed;
  const { failed } = news;
  const unread = failed !== null && failed.n > news.seen ? failed : null;
  const n = news.n + 1;
  return { ...closed, n, failed: { ...add(unread, counted), n } };
}

/** What its owner has not read. @returns `due`: whether it is worth a page of its own */
export function findUnread({ seen, events, failed }: News) {
  const fresh = events.filter(({ n }) => n > seen);
  const tally = failed !== null && failed.n > seen ? failed : null;
  return { events: fresh, failed: tally, due: tally !== null || fresh.some(({ what }) => !quiet.has(what)) };
}

/** @param n the newest number that was on the page: what came later stays unread */
export function markRead(news: News, n: number): News {
  const seen = Math.max(news.seen, Math.min(n, news.n));
  return seen === news.seen ? news : { ...news, seen };
}

/** Attempts since the last good login; null where there were none. */
export function sumFailing({ failing: { others, own } }: News): Tally | null {
  return own === null ? others : add(others, tallyOf(own));
}

/** @param later none of them before one of `earlier` */
function add(earlier: Tally | null, later: Tally): Tally {
  if (earlier === null) return later;
  return {
    count: earlier.count + later.count,
    halfway: earlier.halfway + later.halfway,
    limited: earlier.limited || later.limited,
    firstMs: earlier.firstMs,
    lastMs: later.lastMs,
    ip: later.ip,
  };
}

function tallyOf({ count, halfway, limited, firstMs, lastMs, ip }: Tally): Tally {
  return { count, halfway, limited, firstMs, lastMs, ip };
}
