/** What clients are given that the operator lets skip the consent of their users. */
import type { Grant, KoaContextWithOIDC } from "oidc-provider";
import type { Store } from "../../state/store.ts";
import { mayBeAnybody } from "../clients/unproved.ts";
import { findConsent, rememberConsent } from "../grants/consents.ts";
import type { Resources } from "../resources.ts";
import { isOverThere } from "../sessions/browser-sessions.ts";
import type { Machines } from "./machines.ts";

/**
 * The grant of a person to a client: what they have consented to, and where nobody has to be asked what is being asked for as well. It
 * is listed and revoked as any other.
 *
 * @param now milliseconds since the epoch
 */
export async function findGrant(
  { clients }: Machines,
  resources: Resources,
  store: Pick<Store, "get" | "put">,
  ctx: KoaContextWithOIDC,
  now: () => number,
): Promise<Grant | undefined> {
  const found = await findConsent(store, ctx);
  const { client, session, provider, requestParamScopes, resourceServers = {} } = ctx.oidc;
  const user = session?.accountId;
  if (client === undefined || user === undefined || clients.get(client.clientId)?.skipConsent !== true) return found;
  // What its document says may be other than the operator thought.
  if (mayBeAnybody(ctx.oidc)) return found;
  const grant = found ?? new provider.Grant({ accountId: user, clientId: client.clientId });
  const asked = [...requestParamScopes];
  grant.addOIDCScope(asked.filter((scope) => scope === "openid").join(" "));
  for (const resource of Object.keys(resourceServers)) {
    const offered = resources.scopesOf(resource);
    grant.addResourceScope(resource, asked.filter((scope) => offered.includes(scope)).join(" "));
  }
  const grantId = await grant.save();
  // What is ended meanwhile was looked for before this was there.
  if (await isOverThere(store, session ?? {})) {
    await grant.destroy();
    return undefined;
  }
  if (found === undefined) await rememberConsent(store, user, client.clientId, grantId, now());
  return grant;
}
