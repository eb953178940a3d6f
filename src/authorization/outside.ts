/**
 * Nobody is sent on who is not known (RFC 9700 section 4.11.2): anybody may register a client, and a link with a request of it that is wrong
 * would lead whoever follows it from here to wherever that client likes, and so would one that wants no page shown. The client gets its answer by
 * a link that its user presses.
 */
import type { IncomingMessage } from "node:http";
import type Provider from "oidc-provider";
import type { KoaContextWithOIDC } from "oidc-provider";
import type { Account } from "../auth/users/directory.ts";
import { isLocalUri } from "./clients/client-metadata.ts";
import { nameDestination } from "./pages/destination.ts";
import { escapeHtml, pageHeaders, renderPage } from "./pages/pages.ts";

/**
 * @param findAccount somebody who may be here
 * @param isRegistered whether the operator has registered a client
 */
export function stopStrangers(
  provider: Provider,
  findAccount: (name: string) => Promise<Account | null>,
  isRegistered: (client: string) => boolean,
): void {
  const wrong = new WeakMap<IncomingMessage, Error>();
  const remember = (ctx: KoaContextWithOIDC, error: Error) => void wrong.set(ctx.req, error);
  provider.on("authorization.error", remember);
  provider.on("server_error", remember);
  provider.use(async (ctx, next) => {
    await next();
    const error = wrong.get(ctx.req);
    const location = ctx.res.getHeader("location");
    // What failed once it was answered is a page already, and where its browser would have been sent to stands there all the same.
    const isSentOn = ctx.status >= 300 && ctx.status < 400;
    if (error === undefined || !isSentOn || typeof location !== "string") return;
    const asking = ctx as KoaContextWithOIDC;
    if (isSilent(asking) && (isLocalUri(location) || isRegistered(asking.oidc.client?.clientId ?? ""))) return;
    if (await mayGoOn(asking, findAccount)) return;
    ctx.remove("location");
    ctx.set({ ...pageHeaders([]) });
    ctx.status = 400;
    ctx.body = renderWrongRequest(location);
  });
}

/** Whether no page is to be shown: then the answer is trusted where it goes to a program on a computer, or the operator knows the client. */
function isSilent({ oidc, query }: KoaContextWithOIDC): boolean {
  return (oidc.params ?? query).prompt === "none";
}

/** Who is logged in, or has answered on a page of ours. */
async function mayGoOn(
  { oidc }: KoaContextWithOIDC,
  findAccount: (name: string) => Promise<Account | null>,
): Promise<boolean> {
  if (oidc.entities.Interaction?.result !== undefined) return true;
  const { accountId, loginTs = 0 } = oidc.session ?? {};
  const account = accountId === undefined ? null : await findAccount(accountId);
  return account !== null && loginTs >= account.loginsFrom;
}

/**
 * The page instead. It repeats nothing of the request, nor what the client calls itself: whoever made the link could say whatever they like.
 *
 * @param location the answer, as a URL of the client
 */
export function renderWrongRequest(location: string): string {
  const { searchParams: said } = new URL(location);
  const error = said.get("error") ?? "";
  const detail = said.get("error_description");
  const what = detail === null ? error : `${detail} (${error})`;
  return renderPage(
    "This did not work",
    `<h1>This did not work</h1>
<p>The client that sent you here asked for something that it cannot have: ${escapeHtml(what)}.</p>
<p>Nothing was given to it. If you have just told it to connect, tell its developer.</p>
<p><a href="${escapeHtml(location)}" rel="noreferrer">Answer the client: go on to <strong>${escapeHtml(nameDestination(location))}</strong></a></p>
<p>Go on only if you know where that is, and close this page otherwise.</p>`,
  );
}
