/** How people are told what happened to their login, without scripts. Nothing of it was chosen by whoever did it. Pure. */
import { renderTime } from "../account/pages.ts";
import { escapeHtml, renderPage } from "../pages/pages.ts";
import { findUnread, type News, type NewsEvent, sumFailing, type Tally, type What } from "./news.ts";

/** What the page after a login says. */
export interface NoticePage {
  readonly user: string;
  readonly csrf: string;
  readonly news: News;
}

const words: Readonly<Record<What, string>> = {
  "password-changed": "Your password was changed",
  "password-given": "You were given a temporary password",
  "password-chosen": "A password was chosen in place of the temporary one",
  "factor-added": "A second factor was set up for you",
  "factor-removed": "Your second factor was taken away",
  "passkey-added": "A passkey was added",
  "passkey-removed": "A passkey was removed",
  "logins-ended": "All your logins were ended",
  "browser-new": "There was a login with a browser that you had not used before",
};

/** What somebody has to have seen before they go on. */
export function renderNotice({ user, csrf, news }: NoticePage): string {
  const { events, failed } = findUnread(news);
  return renderPage(
    "What happened lately",
    `<h1>What happened lately</h1>
<p>This is about your login, <strong>${escapeHtml(user)}</strong>:</p>
<ul>
<li>${listLines(failed, events).join("</li>\n<li>")}</li>
</ul>
<p>If any of it was not you, or not meant for you, tell the operator of the gateway.</p>
<form method="post">
<input type="hidden" name="csrf" value="${escapeHtml(csrf)}">
<input type="hidden" name="seen" value="${news.n}">
<div><button name="do" value="noted">Go on</button>
<button name="do" value="later" class="second">Go on, and show it again</button></div>
</form>`,
  );
}

/** All there is, for the account page: HTML of one entry each, the newest first but for attempts. */
export function describeNews(news: News): string[] {
  const { failed, events } = news;
  const failing = sumFailing(news);
  return [...(failing === null ? [] : [describeTally(failing, "since your last login")]), ...listLines(failed, events)];
}

function listLines(failed: Tally | null, events: readonly NewsEvent[]): string[] {
  const tally = failed === null ? [] : [describeTally(failed, "before a login that went well")];
  return [...tally, ...events.toReversed().map(describeEvent)];
}

function describeEvent({ what, by, atMs, ip }: NewsEvent): string {
  const who = by === "operator" ? "by an operator of the gateway" : `with your login${ip === null ? "" : from(ip)}`;
  return `${words[what]}, ${who}: ${renderTime(atMs)}`;
}

function describeTally({ count, halfway, limited, firstMs, lastMs, ip }: Tally, when: string): string {
  const many = `${Math.max(count, 1)}${limited ? " or more" : ""}`;
  const attempts = many === "1" ? "1 attempt" : `${many} attempts`;
  const span = firstMs === lastMs ? renderTime(lastMs) : `from ${renderTime(firstMs)} to ${renderTime(lastMs)}`;
  const known = halfway === 0 ? "" : ` In ${halfway} of them the password was right and the code was not.`;
  return `${attempts} to log in with your name failed ${when}: ${span}; the last one${from(ip)}.${known}`;
}

function from(ip: string): string {
  return ` from <code>${escapeHtml(ip)}</code>`;
}
