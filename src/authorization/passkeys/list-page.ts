/** Where people see their passkeys. Pure, and without scripts. */
import { dayOf, maxPasskeys, type Passkey } from "../../auth/users/passkeys/passkey.ts";
import { toAccount } from "../account/pages.ts";
import { escapeHtml, renderPage } from "../pages/pages.ts";
import { passkeysPath } from "../paths.ts";

/** What the page says. */
export interface PasskeyListPage {
  readonly user: string;
  readonly csrf: string;
  readonly keys: readonly Passkey[];
  readonly problem: string | null;
}

export function renderPasskeyList({ user, csrf, keys, problem }: PasskeyListPage): string {
  const field = `<input type="hidden" name="csrf" value="${escapeHtml(csrf)}">`;
  const items = keys.map((key, at) => {
    const used = key.usedOn === null ? "not used yet" : `used last on ${key.usedOn}`;
    const kept = key.copyable ? "can be copied to other devices of yours" : "stays on one device";
    return `<li><form method="post"><strong id="key-${at}">${escapeHtml(key.label)}</strong>, added on ${dayOf(key.createdAtMs)}, ${used}; ${kept}
${field}
<input type="hidden" name="id" value="${escapeHtml(key.id)}">
<div><button name="do" value="remove" class="second" aria-describedby="key-${at}">Remove</button></div></form></li>`;
  });
  const list = items.length === 0 ? "<p>You have none.</p>" : `<ul>${items.join("\n")}</ul>`;
  const add =
    keys.length >= maxPasskeys
      ? `<p>These are as many as you may have: remove one to add another.</p>`
      : `<form method="post">\n${field}\n<div><button name="do" value="add">Add a passkey</button></div></form>`;
  return renderPage(
    "Your passkeys",
    `<h1>Your passkeys</h1>
${problem === null ? "" : `<p role="alert">${escapeHtml(problem)}</p>`}
<p>With a passkey you, <strong>${escapeHtml(user)}</strong>, log in without your password: by your fingerprint, your face or the PIN of a device.</p>
${list}
${add}${toAccount}`,
  );
}

/** What follows a new one. */
export function renderAdded(): string {
  return renderPage(
    "The passkey was added",
    `<h1>The passkey was added</h1>
<p>You can log in with it from now on. <a href="${passkeysPath}">Your passkeys</a></p>${toAccount}`,
  );
}
