/** Verifies what identity providers say of people to clients that ask for tokens (ID-JAG, RFC 7523 section 2.1). */
import { compactVerify, errors } from "jose";
import { type JsonObject, readCompact } from "../../auth/compact.ts";
import type { KeySource } from "../../auth/jwks.ts";
import { Denial } from "../../denial.ts";
import { type Asserted, type AssertionRules, type AssertionScene, readAssertion } from "./claims.ts";
import { GrantRefused } from "./refused.ts";

/** An identity provider, with what its assertions are verified by. */
export interface AssertionProvider extends AssertionRules {
  readonly algorithms: readonly string[];
  readonly keys: Pick<KeySource, "getKey">;
}

/** @throws GrantRefused by the names in claims.ts, and `assertion_malformed`, `_type`, `_issuer`, `_algorithm`, `_key`, `_signature`, `_unverified` */
export type VerifyAssertion = (text: string, client: string) => Promise<Asserted>;

const maxBytes = 16_384;
/** Its type says what it is for: an ID token of the same provider is not accepted, nor this as an access token (RFC 8725 section 3.11). */
const types: ReadonlySet<unknown> = new Set(["oauth-id-jag+jwt", "application/oauth-id-jag+jwt"]);

/**
 * @param scene what is the same for all requests
 * @param now milliseconds since the epoch
 */
export function createAssertionVerifier(
  providers: readonly AssertionProvider[],
  scene: Pick<AssertionScene, "audience" | "clockSkewMs">,
  now: () => number,
): VerifyAssertion {
  const byIssuer = new Map(providers.map((provider) => [provider.issuer, provider]));
  return async (text, client) => {
    const { header, payload } = read(text);
    if (!types.has(header.typ)) throw refuse("assertion_type", "typ is not oauth-id-jag+jwt");
    const provider = typeof payload.iss === "string" ? byIssuer.get(payload.iss) : undefined;
    if (provider === undefined) throw refuse("assertion_issuer", "iss is no identity provider that is trusted here");
    await verifySignature(text, header, provider);
    return readAssertion(payload, provider, { ...scene, client, nowMs: now() }, refuse);
  };
}

function read(text: string): { header: JsonObject; payload: JsonObject } {
  return readCompact(text, maxBytes, (detail) =>
    refuse("assertion_malformed", `the assertion is no signed token: ${detail}`),
  );
}

async function verifySignature(
  text: string,
  { alg }: JsonObject,
  { algorithms, keys }: AssertionProvider,
): Promise<void> {
  if (typeof alg !== "string" || !algorithms.includes(alg)) throw refuse("assertion_algorithm", "alg is not accepted");
  try {
    await compactVerify(text, (header) => keys.getKey(header), { algorithms: [...algorithms] });
  } catch (error) {
    if (error instanceof Denial && error.code === "keys_unavailable") {
      throw refuse("assertion_unverified", "the keys of the identity provider cannot be had at the moment");
    }
    const isKnown = error instanceof errors.JWSSignatureVerificationFailed;
    throw isKnown
      ? refuse("assertion_signature", "the signature is wrong")
      : refuse("assertion_key", "its key is unknown, or cannot be used; kid has to name one");
  }
}

function refuse(reason: string, detail: string): GrantRefused {
  return new GrantRefused(reason, detail);
}
