/** The page between a login and what comes after it, on which somebody hears what happened. It asks nothing, and keeps nobody out. */
import { csrfOf } from "../account/visitor.ts";
import { addLogout } from "../pages/pages.ts";
import { noticePrompt } from "../prompts.ts";
import { type Details, type Onward, type PageKit, type PageVisit, send } from "../visit.ts";
import { changeNews, readNews } from "./keep.ts";
import { markRead } from "./news.ts";
import { renderNotice } from "./page.ts";

export async function showNotice(
  { store, fingerprint }: PageKit,
  { response, note }: PageVisit,
  { session }: Details,
  { csrf, onward }: Onward & { readonly csrf: string },
): Promise<void> {
  const { uid = "", accountId: user = "" } = session ?? {};
  note.user = user;
  const html = renderNotice({ user, csrf, news: await readNews(store, user) });
  send(response, 200, addLogout(html, csrfOf(fingerprint, uid, user)), onward);
}

/** Goes on, whatever was pressed; what was on the page is not shown again where that was asked for. */
export async function passNotice(
  { provider, store, now }: PageKit,
  { request, response, note }: PageVisit,
  { session }: Details,
  form: URLSearchParams,
): Promise<void> {
  const { accountId: user = "" } = session ?? {};
  Object.assign(note, { user, successful: true });
  const seen = /^\d{1,15}$/.test(form.get("seen") ?? "") ? Number(form.get("seen")) : 0;
  if (form.get("do") === "noted") await changeNews(store, user, (news) => markRead(news, seen), now());
  await provider.interactionFinished(request, response, { [noticePrompt]: {} }, { mergeWithLastSubmission: true });
}
