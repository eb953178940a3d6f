/** The pages before somebody goes to a provider, and where they end up when that came to nothing. Pure. */
import { escapeHtml, renderPage } from "../pages/pages.ts";

/**
 * Sends the browser on. Not by a redirect: the form's page would have to allow every host that a provider sends people through (CSP Level
 * 3, form-action), and nobody knows them all.
 */
export function renderAway(label: string, url: string): string {
  return renderPage(
    "One moment",
    `<h1>One moment</h1>
<p>You are sent on to <strong>${escapeHtml(label)}</strong>, at ${escapeHtml(new URL(url).host)}.</p>
<p><a href="${escapeHtml(url)}">Go on</a></p>`,
    `<meta http-equiv="refresh" content="0;url=${escapeHtml(url)}">`,
  );
}

/** @param back the page to try another way on; null where there is none any more */
export function renderFailure(text: string, requestHint: string, back: string | null): string {
  const link = back === null ? "" : `\n<p><a href="${escapeHtml(back)}">Back to the login page</a></p>`;
  return renderPage(
    "This did not work",
    `<h1>This did not work</h1>\n<p role="alert">${escapeHtml(text)}</p>\n<p>${escapeHtml(requestHint)}</p>${link}`,
  );
}
