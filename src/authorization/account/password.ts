/** The page on which people change their password: a password that was right counts as at a login, and so does one that was wrong. */
import type { Account } from "../../auth/users/directory.ts";
import { hashPassword } from "../../auth/users/password.ts";
import { users } from "../../auth/users/user.ts";
import { listHeld } from "../grants/holdings.ts";
import { voidTokens } from "../grants/revoke.ts";
import { delayOf } from "../login/login.ts";
import { changedElsewhere, type Refused, readChosen, replacePassword, sameAgain } from "../login/new-password.ts";
import { renderProblem } from "../pages/pages.ts";
import { renderChanged, renderPasswordForm } from "../pages/password-pages.ts";
import { sayTooMany } from "../pages/spans.ts";
import { passwordPath } from "../paths.ts";
import { endBrowserSession } from "../sessions/browser-sessions.ts";
import { type PageKit, send } from "../visit.ts";
import { admitOwner } from "./owner.ts";
import { toAccount } from "./pages.ts";
import { type AccountVisit, readForm, show, type Visitor } from "./visitor.ts";

const foreign = { title: "There is no password to change", text: "You have none at this gateway." };

/** Answers a request for {@link passwordPath}. */
export async function servePassword(kit: PageKit, visit: AccountVisit): Promise<void> {
  const { request, response, note } = visit;
  const visitor = await admitOwner(kit, visit, passwordPath, foreign);
  if (visitor === null) return;
  note.action = request.method === "GET" ? "password-page" : "password-change";
  if (!kit.passwords) {
    Object.assign(note, { successful: false, reason: "passwords_off" });
    const text = "Nobody logs in with a password here.";
    return show(visit, visitor, 403, renderProblem(foreign.title, text, toAccount));
  }
  const { csrf } = visitor;
  const user = visitor.account.name;
  if (request.method === "GET") return show(visit, visitor, 200, renderPasswordForm({ user, csrf, problem: null }));
  const form = readForm(kit, visit, visitor);
  if (form === null) return;
  const end = await change(kit, visit, visitor, form);
  if ("reason" in end) {
    Object.assign(note, { successful: false, reason: end.reason });
    return show(visit, visitor, end.status, renderPasswordForm({ user, csrf, problem: end.problem }));
  }
  note.successful = true;
  send(response, 200, renderChanged(), []);
}

async function change(
  kit: PageKit,
  visit: AccountVisit,
  visitor: Visitor,
  form: URLSearchParams,
): Promise<Account | Refused> {
  const { name } = visitor.account;
  const chosen = await readChosen(kit, form, name);
  if (typeof chosen !== "string") return chosen;
  // Before the password is verified: what is put in its place must be what was proved.
  const found = await kit.store.get(users, name);
  const waitMs = await delayOf(kit, visit, name);
  if (waitMs !== null) return { status: 429, reason: "login_limited", problem: sayTooMany(waitMs) };
  const present = form.get("password") ?? "";
  if (found === null || (await kit.users.verify(name, present, visit.ip)) === null)
    return { status: 403, reason: "password_wrong", problem: "The password of now is not right." };
  if (chosen.normalize("NFC") === present.normalize("NFC")) return sameAgain;
  const hash = await hashPassword(chosen, visit.ip);
  const end = () => voidTokens(kit.store, name, { by: name, reason: "another password", nowMs: kit.now() });
  // First, so that where the state goes away in between no password is new while what the old one gave is still good; and behind it once
  // more, for what was given meanwhile.
  await end();
  const changed = await replacePassword(kit, name, found, hash);
  if (changed === null) return changedElsewhere;
  await end();
  await logInAnew(kit, visit, visitor, changed);
  return changed;
}

/** Of all browsers, the one in which the password was changed stays, with a cookie that nobody can have copied before. */
async function logInAnew(
  { provider, store, now }: PageKit,
  { request, response }: AccountVisit,
  { uid }: Visitor,
  { name, loginsFrom }: Account,
): Promise<void> {
  const context = provider.createContext(request, response);
  const { exp } = await provider.Session.get(context);
  // They count no more by their time already; this takes them off the list on the account page, too.
  for (const each of new Set([uid, ...(await listHeld(store, name, "Session"))]))
    await endBrowserSession(store, each, now());
  const session = new provider.Session();
  // Dated now, so it says what was proved now: a second factor of before would otherwise stay as new as the password, again and again.
  session.loginAccount({ accountId: name, loginTs: loginsFrom, amr: ["pwd"] });
  await session.save(Math.max(1, exp - Math.floor(now() / 1_000)));
  const expires = new Date(exp * 1_000);
  const cookie = { httpOnly: true, secure: true, sameSite: "lax", signed: true, path: "/", expires } as const;
  context.cookies.set(provider.cookieName("session"), session.jti, cookie);
}
