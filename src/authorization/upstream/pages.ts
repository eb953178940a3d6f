/** The pages on which users log in at servers behind the gateway, without scripts. Pure. */
import { escapeHtml, renderPage } from "../pages/pages.ts";

/** What the page says that somebody leaves from. */
export interface ConnectPage {
  readonly user: string;
  readonly server: string;
  /** Issuer of the authorization server. */
  readonly issuer: string;
  /** Where the browser goes on to. */
  readonly host: string;
  readonly scopes: readonly string[];
  readonly csrf: string;
  /** The login that there is already. */
  readonly login: { readonly host: string; readonly scopes: readonly string[]; readonly since: string } | null;
  readonly problem: string | null;
}

/** Where people see what they are about to allow, and what they have. */
export function renderConnect({ user, server, issuer, host, scopes, csrf, login, problem }: ConnectPage): string {
  const has =
    login === null
      ? ""
      : `<p>You are logged in there since ${escapeHtml(login.since)}, at <strong>${escapeHtml(login.host)}</strong>, with ${list(login.scopes)}.</p>`;
  return renderPage(
    "Log in at a server",
    `<h1>Log in at ${escapeHtml(server)}</h1>
${problem === null ? "" : `<p role="alert">${escapeHtml(problem)}</p>`}
<p>You are logged in here as <strong>${escapeHtml(user)}</strong>. The server <strong>${escapeHtml(server)}</strong> wants you to log in at
<strong>${escapeHtml(host)}</strong> as well. This gateway then calls the server in your name, for the clients that you use; they never see what
it gets for that. It asks for ${list(scopes)}.</p>
${has}
<p>Go on only if you have just wanted to use ${escapeHtml(server)}.</p>
<form method="post">
<input type="hidden" name="csrf" value="${escapeHtml(csrf)}">
<input type="hidden" name="issuer" value="${escapeHtml(issuer)}">
<div><button name="do" value="connect">Go on to ${escapeHtml(host)}</button>
${login === null ? "" : `<button name="do" value="disconnect" class="second">Disconnect</button>`}</div>
</form>`,
  );
}

/**
 * The step from the gateway to the authorization server, which may lead on to others: it is none of a form, as browsers would stop it there
 * (CSP Level 3, form-action).
 */
export function renderDeparture(host: string, target: string): string {
  return renderPage(
    "Going on",
    `<h1>Going on to ${escapeHtml(host)}</h1>
<p><a href="${escapeHtml(target)}" referrerpolicy="no-referrer">Go on</a> if your browser does not by itself.</p>`,
  );
}

/** Where somebody comes back to. */
export function renderConnected(server: string): string {
  return renderPage(
    "You are logged in",
    `<h1>You are logged in at ${escapeHtml(server)}</h1>
<p>Go back to the client and try again. You can close this page.</p>`,
  );
}

/** What is left after somebody has disconnected. */
export function renderDisconnected(server: string): string {
  return renderPage(
    "You are disconnected",
    `<h1>You are disconnected from ${escapeHtml(server)}</h1>
<p>The gateway has let go of your login, and tells the authorization server of ${escapeHtml(server)}. One that does not take that may list it until it ends.</p>`,
  );
}

/** In words. */
function list(scopes: readonly string[]): string {
  if (scopes.length === 0) return "what is usual there";
  return scopes.map((scope) => `<code>${escapeHtml(scope)}</code>`).join(", ");
}
