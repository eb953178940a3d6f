/**
 * A browser goes on from a login. The library knows it by a cookie that a page of a neighbouring host could have put there (RFC 6265bis: only
 * those that begin with `__Host-` are safe from that), and with it a login that was begun elsewhere: whoever gave their password there would
 * log in somebody else's browser, or be somebody else from then on.
 */
import { digestBrowser, findBrowser } from "../federation/away.ts";
import { renderProblem } from "../pages/pages.ts";
import { noticePrompt } from "../prompts.ts";
import { type PageKit, type PageVisit, send, sendFailure } from "../visit.ts";

/**
 * Lets the library go on where the login is of this very browser.
 *
 * @param goOn has the library answer
 */
export async function resume(kit: PageKit, visit: Omit<PageVisit, "uid">, goOn: () => void): Promise<void> {
  const { response, note } = visit;
  try {
    if (await isOfBrowser(kit, visit)) return goOn();
    Object.assign(note, { successful: false, reason: "foreign_login" });
    const text = "This login was begun in another browser. Go back to the client and connect again.";
    send(response, 403, renderProblem("This did not work", text), []);
  } catch (error) {
    sendFailure(kit, visit, error);
  }
}

async function isOfBrowser({ provider }: PageKit, { request, response }: Omit<PageVisit, "uid">): Promise<boolean> {
  const { cookies } = provider.createContext(request, response);
  const uid = cookies.get(provider.cookieName("resume"), { signed: true });
  const result = uid === undefined ? undefined : (await provider.Interaction.find(uid))?.result;
  // Who has heard the news, or consents, is logged in already: the library sees to it that it is with this browser.
  if (result?.login === undefined || result.consent !== undefined || result[noticePrompt] !== undefined) return true;
  const browser = findBrowser(request.headers.cookie);
  return browser !== null && digestBrowser(browser) === result.login.browser;
}
