/** How a 401 and a 403 say what to come back with (WWW-Authenticate, RFC 9110 section 11.6.1). Pure. */
import { proofAlgorithms } from "./auth/proof-algorithms.ts";
import type { DenialCode } from "./denial.ts";
import type { Missing } from "./policy/require.ts";

/** How a token is sent (RFC 6750 section 2.1, RFC 9449 section 7.1). */
export type Scheme = "Bearer" | "DPoP";

/**
 * RFC 6750 section 3, RFC 9449 section 7.1 and RFC 9728 section 5.1. A request without any credentials gets no error code (RFC 6750
 * section 3.1).
 *
 * @param text what the caller may read of the refusal
 */
export function renderChallenge(
  code: DenialCode,
  text: string,
  metadataUrl: string | undefined,
  scheme: Scheme = "Bearer",
): string {
  const parameters = [
    ...(metadataUrl === undefined ? [] : [["resource_metadata", metadataUrl]]),
    ...(code === "token_missing"
      ? []
      : [
          ["error", errors.get(code) ?? "invalid_token"],
          ["error_description", text],
        ]),
  ];
  return challenge(scheme, parameters);
}

const errors = new Map<DenialCode, string>([
  ["token_proof", "invalid_dpop_proof"],
  ["token_nonce", "use_dpop_nonce"],
]);

/**
 * Everything that is missing, in one challenge, so that the caller need not come back for each: scopes (RFC 6750 section 3.1,
 * MCP 2026-07-28, Authorization, Scope Challenge Handling), authentication context and age (RFC 9470 section 3), a token that is bound
 * to a key (RFC 9449 section 7.1). For methods and certificates there are no parameters; the description names them.
 *
 * Its values are of a policy, whose schema lets nothing through that would have to be escaped here.
 */
export function renderStepUp(
  { scopes, acr, amr, maxAge, certificate, proof }: Missing,
  metadataUrl: string | undefined,
  scheme: Scheme = "Bearer",
): string {
  const proofs = [
    ...(scopes.length > 0 ? ["more scopes"] : []),
    ...(acr.length > 0 || amr.length > 0 ? [`a stronger login${amr.length > 0 ? ` (${amr.join(", ")})` : ""}`] : []),
    ...(maxAge === null ? [] : ["a more recent login"]),
    ...(certificate ? ["a client certificate"] : []),
    ...(proof ? ["a token that is bound to a key"] : []),
  ];
  const isOfLogin = acr.length + amr.length > 0 || maxAge !== null || certificate;
  const error =
    scopes.length > 0 ? "insufficient_scope" : isOfLogin ? "insufficient_user_authentication" : "invalid_token";
  const parameters = [
    ...(metadataUrl === undefined ? [] : [["resource_metadata", metadataUrl]]),
    ["error", error],
    ...(scopes.length > 0 ? [["scope", scopes.join(" ")]] : []),
    ...(acr.length > 0 ? [["acr_values", acr.join(" ")]] : []),
    ...(maxAge === null ? [] : [["max_age", String(maxAge)]]),
    ["error_description", `This takes ${proofs.join(" and ")}.`],
  ];
  return challenge(proof ? "DPoP" : scheme, parameters);
}

function challenge(scheme: Scheme, parameters: readonly string[][]): string {
  const all = scheme === "DPoP" ? [...parameters, ["algs", proofAlgorithms.join(" ")]] : parameters;
  const said = all.map(([name, value]) => `${name}="${value}"`).join(", ");
  return said === "" ? scheme : `${scheme} ${said}`;
}
