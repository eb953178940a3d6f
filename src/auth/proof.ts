/** Verifies that whoever sends a token holds the key that it is bound to (DPoP, RFC 9449 section 4.3). */
import { hash } from "node:crypto";
import { calculateJwkThumbprint, compactVerify, importJWK, type JWK } from "jose";
import { Denial } from "../denial.ts";
import { readCompact } from "./compact.ts";
import type { Nonces } from "./nonces.ts";
import { proofAlgorithms } from "./proof-algorithms.ts";
import type { UsedProofs } from "./proof-memory.ts";
import { quote } from "./reasons.ts";

/** A request, and what proves that it is by the holder of a key. */
export interface ProvenRequest {
  /** The header DPoP. */
  readonly proof: string;
  readonly token: string;
  /** Thumbprint of the key that the token is bound to (RFC 7638), in base64url. */
  readonly key: string;
  readonly verb: string;
  /** Absolute URL, without query, as clients know it. */
  readonly url: string;
}

/** @throws Denial `token_proof`, or `token_nonce` with the nonce to use */
export type VerifyProof = (request: ProvenRequest) => Promise<void>;

/** What {@link createProofVerifier} needs to know. */
export interface ProofOptions {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Proofs that were used, for {@link proofMemoryMs} at least. */
  readonly used: UsedProofs;
  /** Null where none is asked for. */
  readonly nonces: Nonces | null;
}

const accepted: ReadonlySet<string> = new Set(proofAlgorithms);
const maxProofBytes = 8_192;
const maxIdLength = 256;
const maxAgeMs = 60_000;
const maxAheadMs = 30_000;

/** How long after its use a proof could be used again, if it were forgotten. */
export const proofMemoryMs = maxAgeMs + maxAheadMs;

export function createProofVerifier({ now, used, nonces }: ProofOptions): VerifyProof {
  return async ({ proof, token, key, verb, url }) => {
    const { header, payload } = readCompact(proof, maxProofBytes, refused);
    if (header.typ !== "dpop+jwt") throw refused("typ is not dpop+jwt");
    await checkSignature(proof, header, key);
    const { jti, htm, htu, iat, ath, nonce } = payload;
    if (htm !== verb) throw refused(`htm is ${quote(htm)}, expected ${verb}`);
    if (typeof htu !== "string" || readTarget(htu) !== readTarget(url)) {
      throw refused(`htu is ${quote(htu)}, expected ${url}`);
    }
    if (ath !== hash("sha256", token, "base64url")) throw refused("ath is not of this token");
    if (typeof jti !== "string" || jti === "" || jti.length > maxIdLength)
      throw refused("jti is missing, or no short text");
    const ageMs = typeof iat === "number" ? now() - iat * 1_000 : Number.NaN;
    if (!(ageMs <= maxAgeMs && ageMs >= -maxAheadMs)) throw refused(`iat is ${quote(iat)}; compare the clocks`);
    if (nonces !== null && !(typeof nonce === "string" && nonces.accepts(nonce))) {
      throw new Denial("token_nonce", { detail: "the proof has not the nonce of now", nonce: nonces.current() });
    }
    // Last, so that nobody but the holder of the key fills the memory.
    if (!(await used.add(hash("sha256", `${key} ${jti}`, "base64url")))) {
      throw refused("the proof was used before, or there are too many to remember");
    }
  };
}

async function checkSignature(
  proof: string,
  { alg, jwk }: Readonly<Record<string, unknown>>,
  key: string,
): Promise<void> {
  if (typeof alg !== "string" || !accepted.has(alg)) throw refused(`alg is ${quote(alg)}, which is not accepted`);
  if (typeof jwk !== "object" || jwk === null || Object.hasOwn(jwk, "d")) throw refused("jwk is no public key");
  let thumbprint: string;
  try {
    thumbprint = await calculateJwkThumbprint(jwk as JWK);
  } catch (error) {
    throw refused(`jwk is no key: ${(error as Error).message}`);
  }
  // First: whoever has seen a token would otherwise have signatures verified by keys of their own choice, however costly.
  if (thumbprint !== key) throw refused("the proof is by another key than the token is bound to");
  try {
    await compactVerify(proof, await importJWK(jwk as JWK, alg), { algorithms: [alg] });
  } catch (error) {
    // What jose says names no value of the proof.
    throw refused(`the signature does not verify: ${(error as Error).message}`);
  }
}

/** Scheme, host and path in their usual spelling (RFC 9449 section 4.3, step 9); query and fragment do not count. */
function readTarget(text: string): string | undefined {
  const url = URL.parse(text);
  if (url === null || url.username !== "" || url.password !== "") return undefined;
  return `${url.origin}${url.pathname}`;
}

function refused(detail: string): Denial {
  return new Denial("token_proof", { detail });
}
