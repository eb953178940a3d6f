/** The forms in which people choose a password, without scripts. Pure. */
import { toAccount } from "../account/pages.ts";
import { type Asking, alert, escapeHtml, introduce, renderPage } from "./pages.ts";

/** What the page in a login says. */
export interface FirstPasswordPage extends Asking {
  readonly csrf: string;
  /** Who has proved who they are, how, and the proof of it. */
  readonly user: string;
  readonly amr: readonly string[];
  readonly step: string;
  readonly problem: string | null;
}

/** What the page of an account says. */
export interface PasswordPage {
  readonly user: string;
  readonly csrf: string;
  readonly problem: string | null;
}

const twice = `<label for="new">New password, of 15 characters or more: a few words will do</label>
<input id="new" name="new" type="password" autocomplete="new-password" required>
<label for="again">The same again</label>
<input id="again" name="again" type="password" autocomplete="new-password" required>`;

/** Where people whose password was given to them choose their own. */
export function renderFirstPassword({ csrf, user, amr, step, problem, ...asking }: FirstPasswordPage): string {
  return renderPage(
    "Choose a password",
    `<h1>Choose a password</h1>
${introduce(asking)}
<p>Somebody else knows the password of <strong>${escapeHtml(user)}</strong>. Choose one of your own to go on.</p>
${alert(problem)}
<form method="post">
<input type="hidden" name="csrf" value="${escapeHtml(csrf)}">
<input type="hidden" name="user" value="${escapeHtml(user)}">
<input type="hidden" name="amr" value="${escapeHtml(amr.join(" "))}">
<input type="hidden" name="step" value="${escapeHtml(step)}">
${nameField(user)}
${twice}
<div><button name="do" value="choose">Go on</button>
<button name="do" value="cancel" class="second" formnovalidate>Cancel</button></div>
</form>`,
  );
}

/** Where people change their password. */
export function renderPasswordForm({ user, csrf, problem }: PasswordPage): string {
  return renderPage(
    "Change your password",
    `<h1>Change your password</h1>
<p>Everything else that you are logged in with ends by it: other browsers, clients and session tokens.</p>
${alert(problem)}
<form method="post">
<input type="hidden" name="csrf" value="${escapeHtml(csrf)}">
${nameField(user)}
<label for="password">Password of now</label>
<input id="password" name="password" type="password" autocomplete="current-password" required autofocus>
${twice}
<div><button name="do" value="change">Change it</button></div>
</form>${toAccount}`,
  );
}

/** Where people are when they have. */
export function renderChanged(): string {
  return renderPage(
    "Your password was changed",
    `<h1>Your password was changed</h1>
<p>This browser is still logged in, and nothing else is. Clients that you have connected ask you to log in.</p>${toAccount}`,
  );
}

/** Password managers keep a password along with the name that stands beside it. */
function nameField(user: string): string {
  return `<label for="name">User name</label>
<input id="name" value="${escapeHtml(user)}" autocomplete="username" readonly>`;
}
