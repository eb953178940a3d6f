/** The pages of one's own account, without scripts. Pure. */
import type { HeldToken } from "../../auth/session-tokens/keep.ts";
import { escapeHtml, renderPage } from "../pages/pages.ts";
import { accountPath, passkeysPath, passwordPath, tokenPath } from "../paths.ts";
import type { BrowserSession } from "../sessions/browser-sessions.ts";
import type { OwnLogin } from "../upstream/own-logins.ts";

/** What somebody has let a client do. */
export interface HeldGrant {
  readonly id: string;
  /** As the client calls itself; what it says of itself was chosen by a stranger. */
  readonly client: string;
  /** Names of the servers. */
  readonly servers: readonly string[];
  readonly sinceMs: number;
}

/** What the first page says. */
export interface AccountPage {
  readonly user: string;
  readonly csrf: string;
  /** The browser's own login. */
  readonly uid: string;
  readonly browsers: readonly BrowserSession[];
  readonly tokens: readonly HeldToken[];
  readonly grants: readonly HeldGrant[];
  readonly logins: readonly OwnLogin[];
  /** What happened to the login, as HTML of one entry each. */
  readonly lately: readonly string[];
  /** Whether the login will do to end what is not of this browser. */
  readonly recent: boolean;
  /** Whether tokens can be made. */
  readonly makesTokens: boolean;
  /** Whether this person can have passkeys here. */
  readonly passkeys: boolean;
  /** Whether this person has a password here that counts. */
  readonly password: boolean;
}

/** What was typed into the form for a new token, or what it begins with. */
export interface TokenInput {
  readonly label: string;
  readonly servers: readonly string[];
  readonly from: string;
}

/** What the page with that form says. */
export interface TokenPage extends TokenInput {
  readonly csrf: string;
  /** Names of those that there are. */
  readonly offered: readonly string[];
  readonly problem: string | null;
}

const endLabels = { browser: "Log out", grant: "Disconnect", token: "End", login: "Disconnect" };

/** What leads to {@link renderAccount} from the pages below it, as HTML. */
export const toAccount = `\n<p><a href="${accountPath}">Your account</a></p>`;

/** Where people see what they have, and end it. */
export function renderAccount(page: AccountPage): string {
  const { user, csrf, uid, browsers, tokens, grants, logins, lately, recent, makesTokens, passkeys, password } = page;
  const end = (what: keyof typeof endLabels, id: string, name: string) => `<form method="post">
<input type="hidden" name="csrf" value="${escapeHtml(csrf)}">
<input type="hidden" name="id" value="${escapeHtml(id)}">
<div><button name="do" value="end-${what}" class="second" aria-label="${endLabels[what]}: ${escapeHtml(name)}">${endLabels[what]}</button></div>
</form>`;
  const ownBrowsers = browsers.map(({ uid: id, loginMs, mfa, usedAtMs }) => {
    const which = id === uid ? "This browser" : "Another browser";
    const how = mfa ? ", with a second factor" : "";
    const since = (render: (ms: number) => string) => (loginMs === null ? "" : `, logged in ${render(loginMs)}`);
    return `${which}${since(renderTime)}${how}; last used ${renderTime(usedAtMs)}${end("browser", id, `${which}${since(textOf)}`)}`;
  });
  const ownTokens = tokens.map(({ id, label, servers, from, usedAtMs, expiresAtMs }) => {
    const where = from === null ? "" : `, from ${list(from)} only`;
    return `<strong>${escapeHtml(label)}</strong> (<code>sps_${escapeHtml(id)}…</code>) for ${list(servers)}${where}; last used ${renderTime(usedAtMs)}, good until ${renderTime(expiresAtMs)} at most${end("token", id, label)}`;
  });
  const ownGrants = grants.map(
    ({ id, client, servers, sinceMs }) =>
      `<strong>${escapeHtml(client)}</strong> for ${list(servers)}, since ${renderTime(sinceMs)}${end("grant", id, client)}`,
  );
  const ownLogins = logins.map(
    ({ server, host, sinceMs }) =>
      `<strong>${escapeHtml(server)}</strong>, at <strong>${escapeHtml(host)}</strong> since ${renderTime(sinceMs)}${end("login", server, server)}`,
  );
  const again = recent
    ? ""
    : `\n<p>You logged in more than a quarter of an hour ago. To end another browser's login, a client or a token you log in again first; then choose it once more.</p>`;
  const more = makesTokens ? `\n<p><a href="${tokenPath}">Make a session token</a></p>` : "";
  return renderPage(
    "Your account",
    `<h1>Your account</h1>
<p>You are logged in as <strong>${escapeHtml(user)}</strong>.${passkeys ? ` <a href="${passkeysPath}">Your passkeys</a>` : ""}${password ? ` <a href="${passwordPath}">Change your password</a>` : ""}</p>${again}
${section("Browsers", ownBrowsers, "There are none.")}
${section("Clients", ownGrants, "You have connected none.")}
${ownLogins.length === 0 ? "" : `${section("Logins at servers", ownLogins, "")}\n`}${section("Session tokens", ownTokens, "You have none.")}${more}
${section("What happened lately", lately, "Nothing.")}`,
  );
}

/** Where people make a session token. */
export function renderTokenForm({ csrf, offered, label, servers, from, problem }: TokenPage): string {
  const boxes = offered.map((name) => {
    const checked = servers.includes(name) ? " checked" : "";
    return `<label><input type="checkbox" name="server" value="${escapeHtml(name)}"${checked}> ${escapeHtml(name)}</label>`;
  });
  return renderPage(
    "Make a session token",
    `<h1>Make a session token</h1>
<p>For a client that can send a fixed header and cannot log in. Whoever has the token may do what you may do at these servers, until it ends.</p>
${problem === null ? "" : `<p role="alert">${escapeHtml(problem)}</p>`}
<form method="post">
<input type="hidden" name="csrf" value="${escapeHtml(csrf)}">
<label for="label">What it is for</label>
<input id="label" name="label" value="${escapeHtml(label)}" maxlength="60" autocomplete="off" required autofocus>
<fieldset><legend>Servers it opens</legend>
${boxes.join("\n")}
</fieldset>
<label for="from">Addresses it may be used from, such as 192.0.2.7 or 10.0.0.0/8; leave empty for all</label>
<input id="from" name="from" value="${escapeHtml(from)}" autocomplete="off" spellcheck="false">
<div><button name="do" value="make">Make it</button></div>
</form>${toAccount}`,
  );
}

/** Where people see a token, this once. */
export function renderToken({
  label,
  text,
  expiresAtMs,
}: {
  label: string;
  text: string;
  expiresAtMs: number;
}): string {
  return renderPage(
    "Your session token",
    `<h1>Your session token</h1>
<p>The token <strong>${escapeHtml(label)}</strong> is good until ${renderTime(expiresAtMs)} at most, and is shown this once. Let your client send</p>
<p><code>Authorization: Bearer ${escapeHtml(text)}</code></p>${toAccount}`,
  );
}

/** Where people are when they have ended their own login. */
export function renderGoodbye(): string {
  return renderPage("Logged out", `<h1>Logged out</h1>\n<p><a href="${accountPath}">Log in again</a></p>`);
}

function section(title: string, entries: readonly string[], none: string): string {
  const body = entries.length === 0 ? `<p>${none}</p>` : `<ul>\n<li>${entries.join("</li>\n<li>")}</li>\n</ul>`;
  return `<h2>${title}</h2>\n${body}`;
}

function list(names: readonly string[]): string {
  return names.map((name) => `<strong>${escapeHtml(name)}</strong>`).join(", ");
}

export function renderTime(ms: number): string {
  return `<time datetime="${new Date(ms).toISOString()}">${textOf(ms)}</time>`;
}

/** `2026-06-01 12:00 UTC`. */
function textOf(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}
