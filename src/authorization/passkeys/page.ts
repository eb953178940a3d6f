/** Pages on which a browser is asked for a passkey, or to make one: the only ones with a script. Pure. */
import type { ServerResponse } from "node:http";
import { escapeHtml, pageHeaders, renderPage } from "../pages/pages.ts";
import { script, scriptHash } from "./script.ts";

/** What such a page says. */
export interface PasskeyPage {
  readonly title: string;
  /** HTML of what stands above and in the form. */
  readonly introduction: string;
  readonly fields: string;
  readonly csrf: string;
  /** As Web Authentication takes them, with bytes in base64url. */
  readonly options: object;
  /** The button that asks the browser, and what the form says with the answer. */
  readonly button: string;
  readonly act: string;
  /** Other ways: HTML. */
  readonly others: string;
  readonly problem: string | null;
}

export function renderPasskeyPage(page: PasskeyPage): string {
  const { title, introduction, fields, csrf, options, button, act, others, problem } = page;
  return renderPage(
    title,
    `<h1>${escapeHtml(title)}</h1>
${introduction}
<p role="alert" id="problem"${problem === null ? " hidden" : ""}>${escapeHtml(problem ?? "")}</p>
<noscript><p>Passkeys take a script in this page, and scripts are turned off in this browser.</p></noscript>
<form method="post" id="passkey" data-options="${escapeHtml(JSON.stringify(options))}">
<input type="hidden" name="csrf" value="${escapeHtml(csrf)}">
<input type="hidden" name="answer" value="">
${fields}<div><button id="use" name="do" value="${act}"${fields === "" ? " autofocus" : ""}>${escapeHtml(button)}</button>
${others}</div>
</form>
<script>${script}</script>`,
  );
}

/** Answers with such a page: what it may beyond others is to run this script, which writes no HTML (Trusted Types). */
export function sendPasskeyPage(
  response: ServerResponse,
  status: number,
  html: string,
  onward: readonly string[],
): void {
  const headers = pageHeaders(onward);
  const policy = `${headers["content-security-policy"]}; script-src 'sha256-${scriptHash}'; require-trusted-types-for 'script'; trusted-types 'none'`;
  response.writeHead(status, { ...headers, "content-security-policy": policy }).end(html);
}
