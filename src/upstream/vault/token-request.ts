import { Secret } from "../../config/secret.ts";
import { readRetryAfter } from "../../network/backoff.ts";
import { createAuthentication } from "../credentials/client-authentication.ts";
import { type Issued, readIssued } from "../credentials/token-answer.ts";
import { TokenFailure } from "../credentials/token-failure.ts";
import { VaultFault } from "./fault.ts";
import type { GuardedFetch } from "./guarded-fetch.ts";
import type { VaultClient } from "./registration.ts";

/**
 * Asks a token endpoint for the tokens of a user.
 *
 * @param nowMs milliseconds since the epoch
 * @throws TokenFailure `denied` where it is the user's grant that is refused
 */
export async function requestTokens(
  fetch: GuardedFetch,
  endpoint: string,
  client: VaultClient,
  form: Readonly<Record<string, string>>,
  nowMs: number,
): Promise<Issued> {
  const body = new URLSearchParams(form);
  const headers = prove(client, body, endpoint);
  const {
    status,
    headers: said,
    body: answer,
  } = await fetch(endpoint, {
    method: "POST",
    headers: { ...headers, "content-type": "application/x-www-form-urlencoded" },
    body: body.toString(),
  }).catch((error: unknown) => {
    throw error instanceof VaultFault ? new TokenFailure("unavailable", error.message) : error;
  });
  const { "content-type": type, "retry-after": retryAfter } = said;
  const contentType = typeof type === "string" ? type : "";
  return readIssued({ status, contentType, body: answer, retryAfterMs: readRetryAfter(retryAfter, nowMs) }, "caller");
}

/** A public client names itself; any other proves itself as the gateway does elsewhere. */
function prove({ id, secret, authentication }: VaultClient, form: URLSearchParams, endpoint: string) {
  if (secret === null || authentication === "none") {
    form.set("client_id", id);
    return {};
  }
  const config = { clientId: id, clientSecret: new Secret(secret), authentication };
  return createAuthentication(config, noKey)(form, endpoint);
}

/** What only a proof by key would take. */
const noKey = { now: () => 0, newId: () => "" };
