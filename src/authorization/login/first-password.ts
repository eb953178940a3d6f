/**
 * The last step of a login, before which there is no session, no code and no consent: whoever has a password that an operator knows
 * chooses one of their own, however they proved who they are.
 */
import type { Account } from "../../auth/users/directory.ts";
import { hashPassword } from "../../auth/users/password.ts";
import { users } from "../../auth/users/user.ts";
import { mfaContext } from "../demands.ts";
import { renderLogin } from "../pages/pages.ts";
import { renderFirstPassword } from "../pages/password-pages.ts";
import type { PasskeyForm as Form } from "../passkeys/ask.ts";
import { type Details, type PageKit, type PageVisit, send } from "../visit.ts";
import { finish } from "./finish.ts";
import { changedElsewhere, type Refused, readChosen, replacePassword, sameAgain, timeIsOver } from "./new-password.ts";

/**
 * Logs somebody in, or has them choose a password first.
 *
 * @param amr how they proved who they are (RFC 8176)
 */
export async function enter(
  kit: PageKit,
  visit: PageVisit,
  details: Details,
  account: Account,
  amr: readonly string[],
  asking: Form,
): Promise<void> {
  if (account.temporaryUntilMs === undefined) return finish(kit, visit, details, account, proofOf(amr));
  Object.assign(visit.note, { user: account.name, action: "password-due", successful: true });
  ask(kit, visit, details, account, amr, asking, null);
}

/** Answers what was typed into the form. */
export async function chooseFirst(
  kit: PageKit,
  visit: PageVisit,
  details: Details,
  form: URLSearchParams,
  asking: Form,
): Promise<void> {
  const { note } = visit;
  note.action = "password-change";
  const name = form.get("user") ?? "";
  const amr = (form.get("amr") ?? "").split(" ");
  const account = await kit.users.find(name);
  const isDue = account?.temporaryUntilMs !== undefined && form.get("step") === stepOf(kit, details, account, amr);
  // Before anything is judged, which takes a moment: what is put in its place must be what was proved.
  const found = isDue ? await kit.store.get(users, name) : null;
  const beginAgain = ({ status, reason, problem }: Refused) => {
    Object.assign(note, { successful: false, reason });
    send(visit.response, status, renderLogin({ ...asking, user: "", problem }), asking.onward);
  };
  if (account === null || found === null || found.value.temporaryUntilMs !== account.temporaryUntilMs)
    return beginAgain(changedElsewhere);
  note.user = account.name;
  // The page may have been left open; a passkey is good however long ago the password was given.
  if (amr.includes("pwd") && (account.temporaryUntilMs ?? 0) <= kit.now()) return beginAgain(timeIsOver);
  const chosen = await readChosen(kit, form, account.name);
  const isSame = typeof chosen === "string" && (await kit.users.verify(name, chosen, visit.ip)) !== null;
  const refused = typeof chosen !== "string" ? chosen : isSame ? sameAgain : null;
  if (refused !== null) return ask(kit, visit, details, account, amr, asking, refused);
  const changed = await replacePassword(kit, account.name, found, await hashPassword(String(chosen), visit.ip));
  if (changed === null) return beginAgain(changedElsewhere);
  Object.assign(note, { action: "login", changed: true });
  await finish(kit, visit, details, changed, proofOf(amr));
}

function ask(
  kit: PageKit,
  { note, response }: PageVisit,
  details: Details,
  account: Account,
  amr: readonly string[],
  asking: Form,
  refused: Refused | null,
): void {
  if (refused !== null) Object.assign(note, { successful: false, reason: refused.reason });
  const step = stepOf(kit, details, account, amr);
  const page = { ...asking, user: account.name, amr, step, problem: refused?.problem ?? null };
  send(response, refused?.status ?? 200, renderFirstPassword(page), asking.onward);
}

function proofOf(amr: readonly string[]) {
  return { amr: [...amr], ...(amr.includes("mfa") && ({ acr: mfaContext } as const)) };
}

/** Proves to ourselves how somebody was known in this login, which a cookie binds to one browser, and that nothing has changed since. */
function stepOf({ fingerprint }: PageKit, { uid }: Details, account: Account, amr: readonly string[]): string {
  const { name, loginsFrom, temporaryUntilMs } = account;
  return fingerprint("login-password", JSON.stringify([uid, name, loginsFrom, temporaryUntilMs, amr]));
}
