/**
 * Clients that anybody's program could be: they prove nothing, and their answer goes where each program on a computer can await it (RFC 8252
 * section 8.6). What is known of one is its id, which is no secret, so nobody is let through for what its user has given it before.
 */
import type { KoaContextWithOIDC } from "oidc-provider";
import { isForPrograms } from "../../network/url.ts";
import { accountClientId } from "../account/client.ts";

/** Whether the client of an authorization request is such a one. Where the gateway itself is the client, only it looks at the answer. */
export function mayBeAnybody({ client, params }: KoaContextWithOIDC["oidc"]): boolean {
  if (client === undefined || client.clientId === accountClientId || client.clientAuthMethod !== "none") return false;
  return isForPrograms(String(params?.redirect_uri));
}
