/** The gateway as a client of its own authorization server: so a browser gets to a page of ours by whichever way there is to log in. */
import type { ClientMetadata, Grant, KoaContextWithOIDC, Session } from "oidc-provider";
import { backPath } from "../paths.ts";

/** No other client can have it: those that register get a random one, and those with a document have a URL. */
export const accountClientId = "account";

/** Whether a login that waits is for a page of ours. */
export function isOwn({ params }: { readonly params: Readonly<Record<string, unknown>> }): boolean {
  return params.client_id === accountClientId;
}

/** It has no use for tokens, and gets none: see {@link grantLogin}. */
export function describeAccountClient(publicUrl: string): ClientMetadata {
  return {
    client_id: accountClientId,
    client_name: "Your account",
    redirect_uris: [`${publicUrl}${backPath}`],
    grant_types: ["authorization_code"],
    response_types: ["code"],
    token_endpoint_auth_method: "none",
  };
}

/**
 * What it may have, without anybody being asked: to know that there is a login. The grant is nowhere kept, so that no code for it can ever
 * be redeemed; the page that the browser comes back to looks at the login itself (visitor.ts).
 */
export function grantLogin({ oidc }: KoaContextWithOIDC): Grant | undefined {
  const { session, provider } = oidc;
  if (session?.accountId === undefined) return undefined;
  const cameBackAt = oidc.result?.login?.cameBackAt;
  if (cameBackAt !== undefined) Object.assign(session.authorizationFor(accountClientId), { cameBackAt });
  const grant = new provider.Grant({ accountId: session.accountId, clientId: accountClientId });
  grant.addOIDCScope("openid");
  return grant;
}

/**
 * When a browser last came back from another provider for a page of ours, in seconds; undefined where it never did. Of a login whose time
 * the provider does not say it is all that is known: that the provider still knew the person in this browser then.
 */
export function readReturn({ authorizations = {} }: Pick<Session, "authorizations">): number | undefined {
  const { cameBackAt } = (authorizations[accountClientId] ?? {}) as { readonly cameBackAt?: unknown };
  return typeof cameBackAt === "number" ? cameBackAt : undefined;
}
