/** A set of public keys, and the choice among them. */
import { type CryptoKey, errors, type JWK, type JWSHeaderParameters } from "jose";
import { Denial } from "../denial.ts";

/** Chooses a key as jose's `createLocalJWKSet` does. */
export type SelectKey = (header: JWSHeaderParameters) => Promise<CryptoKey>;

/**
 * Reads a JSON Web Key Set. Symmetric keys, private keys and entries of no known type are left out, as RFC 7517 section 5
 * asks for the last; an empty set is one that trusts nothing.
 *
 * @throws Error when it is no key set
 */
export function readKeySet(document: unknown): { keys: JWK[] } {
  const keys = (document as { keys?: unknown } | null)?.keys;
  if (!Array.isArray(keys)) throw new Error("the key set has no keys");
  return { keys: keys.filter(isPublicKey).map(forSigning) };
}

/** A SPIFFE bundle says `jwt-svid` where others say that a key is for signatures (SPIFFE Trust Domain and Bundle, section 4.2.2). */
function forSigning(key: JWK): JWK {
  return key.use === "jwt-svid" ? { ...key, use: "sig" } : key;
}

function isPublicKey(entry: unknown): entry is JWK {
  const { kty, d } = (entry ?? {}) as { kty?: unknown; d?: unknown };
  return (kty === "RSA" || kty === "EC" || kty === "OKP") && d === undefined;
}

/**
 * The key for a header, or undefined when the set has none.
 *
 * @throws Denial `token_key` when its key is unusable
 * @throws JWKSMultipleMatchingKeys (jose) when the header names no key and several fit
 */
export async function findKey(select: SelectKey, header: JWSHeaderParameters): Promise<CryptoKey | undefined> {
  try {
    return await select(header);
  } catch (error) {
    if (error instanceof errors.JWKSNoMatchingKey) return undefined;
    if (error instanceof errors.JWKSMultipleMatchingKeys) throw error;
    throw new Denial("token_key", { detail: `${describeKey(header)}: unusable`, cause: error });
  }
}

/** What was looked for; the header is the caller's, hence quoted and cut. `kid` says to the sanitizer that it may look random. */
export function describeKey({ alg, kid }: JWSHeaderParameters): string {
  return `no ${alg} key ${kid === undefined ? "without kid" : `with kid ${JSON.stringify(String(kid).slice(0, 100))}`}`;
}
