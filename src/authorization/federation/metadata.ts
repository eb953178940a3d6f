/** What a provider says of itself (OpenID Connect Discovery 1.0 section 3), before the library is told. */
import { isSafe } from "../../auth/discovery.ts";
import { readJson } from "../../mcp/json.ts";
import { isLoopbackHost } from "../../network/url.ts";
import type { ProviderFetch } from "./bounded-fetch.ts";
import { FederationFailure } from "./failure.ts";

/** What the library needs of it, and nothing besides. */
export interface ProviderMetadata {
  readonly issuer: string;
  readonly authorization_endpoint: string;
  readonly token_endpoint: string;
  readonly jwks_uri: string;
  readonly authorization_response_iss_parameter_supported: boolean;
  readonly id_token_signing_alg_values_supported?: string[];
}

const maxDepth = 32;
/** What the issuer of all tenants writes where a tenant's own has the tenant. */
export const tenantPlaceholder = "{tenantid}";

/**
 * Fetches and checks it.
 *
 * @param line of the configuration that names the issuer
 * @param isForAll whether the issuer stands for many tenants, and its document leaves open which
 * @throws FederationFailure `provider_unavailable`, `provider_unfit`
 */
export async function discover(
  issuer: string,
  isForAll: boolean,
  line: string,
  fetch: ProviderFetch,
): Promise<ProviderMetadata> {
  const url = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
  const answer = await fetch(url, { headers: { accept: "application/json" } }).catch((cause: unknown) => {
    throw new FederationFailure("provider_unavailable", `${url}: ${whatFailed(cause)}`);
  });
  const { status } = answer;
  if (status >= 500) throw new FederationFailure("provider_unavailable", `${url} answered ${status}`);
  if (status !== 200) throw new FederationFailure("provider_unfit", `${url} answered ${status}; is ${line} right?`);
  return readMetadata(await answer.text(), issuer, isForAll, `${url}: `, line);
}

function readMetadata(text: string, issuer: string, isForAll: boolean, place: string, line: string): ProviderMetadata {
  const unfit = (detail: string) => new FederationFailure("provider_unfit", `${place}${detail}`);
  let said: Readonly<Record<string, unknown>>;
  try {
    said = readJson(text, { maxDepth, loneSurrogates: "pass" }).value as typeof said;
  } catch {
    throw unfit("is not JSON that every parser reads alike");
  }
  if (typeof said !== "object" || said === null || Array.isArray(said)) throw unfit("is no JSON object");
  const expected = isForAll ? issuer.replace(/[^/]+(?=\/v2\.0$)/, tenantPlaceholder) : issuer;
  if (said.issuer !== expected) {
    const named = typeof said.issuer === "string" ? JSON.stringify(said.issuer.slice(0, 300)) : "none";
    throw unfit(
      `names issuer ${named}, and ${line} is ${JSON.stringify(issuer)}; if the first is right, change that line`,
    );
  }
  const remote = !isLoopbackHost(new URL(issuer).hostname);
  const endpoint = (member: string): string => {
    const { [member]: value } = said;
    if (typeof value !== "string" || !isSafe(value, remote)) throw unfit(`has no usable ${member}`);
    return value;
  };
  const algorithms = said.id_token_signing_alg_values_supported;
  return {
    issuer: expected,
    authorization_endpoint: endpoint("authorization_endpoint"),
    token_endpoint: endpoint("token_endpoint"),
    jwks_uri: endpoint("jwks_uri"),
    authorization_response_iss_parameter_supported: said.authorization_response_iss_parameter_supported === true,
    ...(isTexts(algorithms) && { id_token_signing_alg_values_supported: algorithms }),
  };
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === "string");
}

/** The code of an error of undici or the socket says enough; its text may quote the request. */
export function whatFailed(error: unknown): string {
  if (!(error instanceof Error)) return "failed";
  if (error.name === "TimeoutError") return "no answer in time";
  const { code } = error as NodeJS.ErrnoException;
  return code ?? (/^the answer is larger than \d+ bytes$/.test(error.message) ? error.message : error.name);
}
