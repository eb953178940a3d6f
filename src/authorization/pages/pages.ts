/** The pages that people see: HTML without scripts, readable by a screen reader and in any width. Pure. */
import { hash } from "node:crypto";
import { logoutPath, passkeysPath } from "../paths.ts";
import { sayLife } from "./spans.ts";

/** Who asks to act on somebody's behalf. Everything of it but the hosts was chosen by a stranger. */
export interface Asking {
  /** As the client calls itself. */
  readonly name: string;
  /** Where its metadata is from; null for one that registered itself or is known here. */
  readonly host: string | null;
  /** Where the answer goes: `app.example.com`, or `this computer`. */
  readonly destination: string;
  /** Whether browsers have passkeys for the gateway. */
  readonly passkeys?: boolean;
  /** Whether nothing will do but a passkey that stays on one device, or what a provider says to be as good. */
  readonly hardware?: boolean;
  /** Whether it is the gateway itself, for a page of its own. */
  readonly own?: boolean;
}

/** What a consent page says. */
export interface ConsentPage extends Asking {
  readonly user: string;
  readonly csrf: string;
  /** Servers and what may be done there, in words. */
  readonly servers: readonly { readonly name: string; readonly scopes: readonly string[] }[];
  /** How long it goes on without being used, in milliseconds. */
  readonly idleMs: number;
  /** The page on which its user ends it. */
  readonly account: string;
  /** Whether any program could say that it is this client. */
  readonly isAnybody: boolean;
}

/** How somebody can log in. */
export interface LoginWays {
  readonly passwords: boolean;
  readonly providers: readonly { readonly name: string; readonly label: string }[];
}

/** What begins what the button of a provider sends; its name follows. */
export const providerButton = "with:";

/** What a login page says. */
export interface LoginPage extends Asking {
  readonly csrf: string;
  readonly ways: LoginWays;
  readonly servers: ConsentPage["servers"];
  /** What was typed before. */
  readonly user: string;
  /** What is wrong with it. */
  readonly problem: string | null;
}

/** What the page after it says, where somebody has a second factor. */
export interface CodePage extends Asking {
  readonly csrf: string;
  /** Who gave the right password, and the proof of it. */
  readonly user: string;
  readonly step: string;
  readonly problem: string | null;
}

/** Where people log in. */
export function renderLogin({ csrf, user, problem, ways, servers, ...asking }: LoginPage): string {
  const hidden = `<input type="hidden" name="csrf" value="${escapeHtml(csrf)}">`;
  const elsewhere = ways.providers.length === 0 ? "" : renderProviders(ways, servers, asking, hidden);
  const here = !ways.passwords
    ? ""
    : asking.hardware === true
      ? demandKey(csrf, asking)
      : renderPassword(user, hidden) + offerPasskey(csrf, asking);
  return renderPage(
    "Log in",
    `<h1>Log in</h1>
${introduce(asking)}
${alert(problem)}${elsewhere}${here}`,
  );
}

/** Pressing a button agrees to what stands above it: nobody is sent to a provider without (federation/leave.ts). */
function renderProviders(
  { providers, passwords }: LoginWays,
  servers: LoginPage["servers"],
  { name, own }: Asking,
  hidden: string,
) {
  const buttons = providers.map(
    (each) =>
      `<div><button name="do" value="${providerButton}${escapeHtml(each.name)}">${own === true ? "Log in with" : "Agree, and log in with"} ${escapeHtml(each.label)}</button></div>`,
  );
  const cancel = passwords ? "" : `\n<div><button name="do" value="cancel" class="second">Cancel</button></div>`;
  const agreement = `<p>If you go on, you agree that <strong>${escapeHtml(name)}</strong> may</p>
<ul>${listServers(servers)}</ul>
<p>Go on only if you have just told it to connect.</p>`;
  return `
${own === true ? "" : agreement}
<form method="post">
${hidden}
${buttons.join("\n")}${cancel}
</form>`;
}

function renderPassword(user: string, hidden: string): string {
  return `
<form method="post">
${hidden}
<label for="user">User name</label>
<input id="user" name="user" value="${escapeHtml(user)}" autocomplete="username" autocapitalize="none" spellcheck="false" required${user === "" ? " autofocus" : ""}>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required${user === "" ? "" : " autofocus"}>
<div><button name="do" value="login">Log in</button>
<button name="do" value="cancel" class="second" formnovalidate>Cancel</button></div>
</form>
`;
}

/** Where people give their second factor. */
export function renderCode({ csrf, user, step, problem, ...asking }: CodePage): string {
  return renderPage(
    "Enter a code",
    `<h1>Enter a code</h1>
${introduce(asking)}
${alert(problem)}
<form method="post">
<input type="hidden" name="csrf" value="${escapeHtml(csrf)}">
<input type="hidden" name="user" value="${escapeHtml(user)}">
<input type="hidden" name="step" value="${escapeHtml(step)}">
<label for="code">Code of your authenticator app, or a recovery code</label>
<input id="code" name="code" autocomplete="one-time-code" autocapitalize="none" spellcheck="false" required autofocus>
<div><button name="do" value="code">Log in</button>
<button name="do" value="cancel" class="second" formnovalidate>Cancel</button></div>
</form>
${offerPasskey(csrf, asking)}`,
  );
}

/** Where people say what a client may do for them. */
export function renderConsent({ csrf, user, servers, idleMs, account, isAnybody, ...asking }: ConsentPage): string {
  const each = isAnybody
    ? " Any program on this computer could say that it is this client, so you are asked each time."
    : "";
  return renderPage(
    "Allow access?",
    `<h1>Allow access?</h1>
${introduce(asking)}
<p>You are logged in as <strong>${escapeHtml(user)}</strong>. It asks to</p>
<ul>${listServers(servers)}</ul>
<p>That ends ${sayLife(idleMs)} after its last use, a year from now at the latest, or when you end it at <code>${escapeHtml(account)}</code>.</p>
<p>Allow this only if you have just told it to connect.${each}</p>
<form method="post">
<input type="hidden" name="csrf" value="${escapeHtml(csrf)}">
<div><button name="do" value="allow">Allow</button>
<button name="do" value="deny" class="second">Deny</button></div>
</form>`,
  );
}

function listServers(servers: ConsentPage["servers"]): string {
  const list = servers.map(({ name, scopes }) => {
    const further =
      scopes.length === 0 ? "" : `, with ${scopes.map((scope) => `<code>${escapeHtml(scope)}</code>`).join(", ")}`;
    return `<li>call <strong>${escapeHtml(name)}</strong> as you, as far as you may yourself${further}</li>`;
  });
  return list.join("");
}

/**
 * Where a login ends that cannot go on.
 *
 * @param onward where somebody can go from there, as HTML
 */
export function renderProblem(title: string, text: string, onward = ""): string {
  return renderPage(title, `<h1>${escapeHtml(title)}</h1>\n<p>${escapeHtml(text)}</p>${onward}`);
}

/** What is wrong with what was typed, as HTML. */
export function alert(problem: string | null): string {
  return problem === null ? "" : `<p role="alert">${escapeHtml(problem)}</p>`;
}

/** To everybody, whoever has one. A form of its own, so that what was typed into the other stays there. */
function offerPasskey(csrf: string, { passkeys }: Asking): string {
  if (passkeys !== true) return "";
  return `<form method="post">
<input type="hidden" name="csrf" value="${escapeHtml(csrf)}">
<div><button name="do" value="passkey" class="second">Use a passkey</button></div>
</form>`;
}

/** Where nothing but a key in hardware will do: whoever has none is told how to get one. */
function demandKey(csrf: string, asking: Asking): string {
  const none = "This gateway has only an address, for which browsers have no passkeys: tell its operator.";
  const how = `If you have none, add one to <a href="${passkeysPath}">your passkeys</a>, and connect again.`;
  return `
<p>This takes a passkey that stays on one device, such as a security key. A password, a code, or a passkey that is copied to other devices will not do. ${asking.passkeys === true ? how : none}</p>
${offerPasskey(csrf, asking)}
<form method="post">
<input type="hidden" name="csrf" value="${escapeHtml(csrf)}">
<div><button name="do" value="cancel" class="second">Cancel</button></div>
</form>`;
}

/** Who asks, as a paragraph. */
export function introduce({ name, host, destination, own }: Asking): string {
  if (own === true) return "<p>You go on to a page of this gateway itself.</p>";
  const origin = host === null ? "a client that says of itself only its name" : `a client of ${escapeHtml(host)}`;
  return `<p><strong>${escapeHtml(name)}</strong>, ${origin}, wants to connect. The answer goes to <strong>${escapeHtml(destination)}</strong>.</p>`;
}

const style = `:root{color-scheme:light dark;font:1rem/1.5 system-ui,sans-serif}body{max-width:28rem;margin:3rem auto;padding:0 1rem}
label,input{display:block;width:100%;box-sizing:border-box}label{margin-top:1rem}input,button{font:inherit;padding:.5rem}
div{display:flex;gap:1rem;margin-top:1.5rem}button{flex:1}.second{opacity:.8}[role=alert]{border-left:.25rem solid;padding-left:.75rem}
strong,code{overflow-wrap:anywhere}fieldset{border:0;padding:0;margin:1rem 0 0}[type=checkbox]{display:inline;width:auto}`;

const styleHash = hash("sha256", style, "base64");

/**
 * Headers of every page. No script runs, nothing is loaded, nobody frames it, and forms lead to the gateway alone, or on to where
 * the client awaits its answer: browsers look at every step that a form leads to (CSP Level 3, form-action).
 *
 * @param onward origins, or schemes such as `app:`
 */
export function pageHeaders(onward: readonly string[]): Readonly<Record<string, string>> {
  const forms = ["'self'", ...onward].join(" ");
  return {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": `default-src 'none'; style-src 'sha256-${styleHash}'; form-action ${forms}; frame-ancestors 'none'; base-uri 'none'`,
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
  };
}

/**
 * A page in the one form that all have.
 *
 * @param body HTML of what is between the tags of `main`
 * @param head HTML of what is to be in the head besides
 */
export function renderPage(title: string, body: string, head = ""): string {
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${escapeHtml(title)} · Sallyport</title>
<style>${style}</style>${head}</head>
<body><main>
${body}
</main></body>
</html>
`;
}

/**
 * A page for somebody who is logged in, with the way out below it: a form of its own, so that what was typed into another stays there.
 *
 * @param html of {@link renderPage}
 * @param csrf of the account pages (account/visitor.ts), whichever page it is
 */
export function addLogout(html: string, csrf: string): string {
  const form = `</main>
<footer><form method="post" action="${logoutPath}">
<input type="hidden" name="csrf" value="${escapeHtml(csrf)}">
<div><button name="do" value="logout" class="second">Log out</button></div>
</form></footer>`;
  // Text of a page has no tags, so this is the only end there is.
  return html.replace("</main>", () => form);
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text in HTML. What does not show is shown: a name must not be written from right to left to look like another. */
export function escapeHtml(text: string): string {
  const shown = text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "�");
  return shown.replaceAll(/[&<>"']/g, (character) => entities[character] ?? character);
}
