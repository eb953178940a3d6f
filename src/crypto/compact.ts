/** JSON Web Signatures in compact form (RFC 7515 section 7.1), made at once: a promise for each would cost more than it frees. */
import { createPrivateKey, type KeyObject, sign } from "node:crypto";

/** A private key, and the algorithm that its kind is used with. */
export interface SigningKey {
  readonly key: KeyObject;
  /** `alg` (RFC 7518 section 3.1, RFC 8037 section 3.1). */
  readonly algorithm: string;
}

const digests: Readonly<Record<string, string | null>> = {
  ES256: "sha256",
  ES384: "sha384",
  ES512: "sha512",
  RS256: "sha256",
  EdDSA: null,
};
const curves: Readonly<Record<string, string>> = { prime256v1: "ES256", secp384r1: "ES384", secp521r1: "ES512" };
/** RFC 7518 section 3.3. */
const minRsaBits = 2_048;

/** Signs an object; the header gets `alg`. */
export function signCompact({ key, algorithm }: SigningKey, header: object, claims: object): string {
  const parts = [{ alg: algorithm, ...header }, claims];
  const input = parts.map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
  // RFC 7518 section 3.4: for ECDSA the two numbers side by side.
  const signature = sign(digests[algorithm], Buffer.from(input), { key, dsaEncoding: "ieee-p1363" });
  return `${input}.${signature.toString("base64url")}`;
}

/**
 * Reads a private key in PEM.
 *
 * @returns what is wrong with it, never quoting it, where it cannot be used
 */
export function readSigningKey(pem: string): SigningKey | { readonly fault: string } {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    return { fault: "this is not a private key in PEM without a passphrase" };
  }
  const { namedCurve = "", modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === "ed25519") return { key, algorithm: "EdDSA" };
  if (key.asymmetricKeyType === "rsa") {
    if (modulusLength >= minRsaBits) return { key, algorithm: "RS256" };
    return { fault: `an RSA key has at least ${minRsaBits} bits` };
  }
  const algorithm = key.asymmetricKeyType === "ec" ? curves[namedCurve] : undefined;
  return algorithm === undefined ? { fault: "expected an EC, RSA or Ed25519 key" } : { key, algorithm };
}
