/** The steps in which somebody proves who they are: by a password, and by a code where they have a second factor. */
import type { Account } from "../../auth/users/directory.ts";
import { readUserName } from "../../auth/users/user.ts";
import { renderCode, renderLogin } from "../pages/pages.ts";
import { sayTooMany } from "../pages/spans.ts";
import { askPasskey, type PasskeyForm as Form } from "../passkeys/ask.ts";
import { mfaReason } from "../prompts.ts";
import { recognizeBrowser } from "../sessions/browsers.ts";
import { type Details, type PageKit, type PageVisit, send } from "../visit.ts";
import { enter } from "./first-password.ts";
import { timeIsOver } from "./new-password.ts";

/** Answers what was typed into one of the two forms. What is wrong with the first is not said, and the second follows only the right password. */
export async function logIn(
  kit: PageKit,
  visit: PageVisit,
  details: Details,
  form: URLSearchParams,
  asking: Form,
): Promise<void> {
  const name = form.get("user") ?? "";
  const account = form.get("do") === "code" ? await kit.users.find(name) : null;
  if (account !== null && form.get("step") === stepOf(kit, details, account)) {
    return checkCode(kit, visit, details, account, form, asking);
  }
  await checkPassword(kit, visit, details, name, form, asking);
}

async function checkPassword(
  kit: PageKit,
  visit: PageVisit,
  details: Details,
  user: string,
  form: URLSearchParams,
  asking: Form,
): Promise<void> {
  const again = async (status: number, problem: string, reason: string) => {
    const known = await kit.users.recognize(user);
    // Passwords are typed into the wrong field now and then: of a name that is nobody's there is a fingerprint, to count by.
    const who = known === null ? { unknown: kit.fingerprint("login-user", user) } : { user: known };
    Object.assign(visit.note, { ...who, successful: false, reason });
    send(visit.response, status, renderLogin({ ...asking, user, problem }), asking.onward);
  };
  const waitMs = await delayOf(kit, visit, user);
  if (waitMs !== null) return again(429, sayTooMany(waitMs), "login_limited");
  const account = await kit.users.verify(user, form.get("password") ?? "", visit.ip);
  if (account === null) return again(403, "User name or password is not right.", "password_wrong");
  if ((account.temporaryUntilMs ?? Number.POSITIVE_INFINITY) <= kit.now())
    return again(timeIsOver.status, timeIsOver.problem, timeIsOver.reason);
  if (!(await kit.secondFactors.has(account.name))) {
    if (!details.prompt.reasons.includes(mfaReason)) return enter(kit, visit, details, account, ["pwd"], asking);
    const { length } = await kit.passkeys.list(account.name);
    if (length === 0 || asking.passkeys !== true) return lackFactor(kit, visit, account);
    Object.assign(visit.note, { user: account.name, action: "password", successful: true });
    return askPasskey(kit, visit, details, asking, 200, "This takes your passkey as well.");
  }
  Object.assign(visit.note, { user: account.name, action: "password", successful: true });
  const page = { ...asking, user: account.name, step: stepOf(kit, details, account), problem: null };
  send(visit.response, 200, renderCode(page), asking.onward);
}

async function checkCode(
  kit: PageKit,
  visit: PageVisit,
  details: Details,
  account: Account,
  form: URLSearchParams,
  asking: Form,
): Promise<void> {
  const user = account.name;
  const again = (status: number, problem: string, reason: string) => {
    Object.assign(visit.note, { user, successful: false, reason });
    const page = { ...asking, user, step: stepOf(kit, details, account), problem };
    send(visit.response, status, renderCode(page), asking.onward);
  };
  const waitMs = await delayOf(kit, visit, user);
  if (waitMs !== null) return again(429, sayTooMany(waitMs), "login_limited");
  const spent = await kit.secondFactors.spend(user, form.get("code") ?? "");
  if (spent === null) return again(403, "The code is not right, or was used.", "code_wrong");
  visit.note.factor = spent;
  await enter(kit, visit, details, account, ["pwd", "otp", "mfa"], asking);
}

/** RFC 9470 section 5. */
async function lackFactor({ provider }: PageKit, { request, response, note }: PageVisit, { name }: Account) {
  const error = "unmet_authentication_requirements";
  Object.assign(note, { user: name, successful: false, reason: "factor_missing" });
  const error_description = `this takes a second factor, and ${name} has none: ask the operator of the gateway for one`;
  await provider.interactionFinished(request, response, { error, error_description });
}

/** However a name is written, it is one that is tried. */
export function delayOf(
  { delay, fingerprint, now }: PageKit,
  { request, ip }: Pick<PageVisit, "request" | "ip">,
  written: string,
) {
  const user = readUserName(written) ?? "";
  return delay(user, ip, recognizeBrowser(fingerprint, user, request.headers.cookie, now()));
}

/** Proves to ourselves that the password that a user still has was right in this login, which a cookie binds to one browser. */
function stepOf({ fingerprint }: PageKit, { uid }: Details, { name, loginsFrom }: Account): string {
  return fingerprint("login-step", JSON.stringify([uid, name, loginsFrom]));
}
