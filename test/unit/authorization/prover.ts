/** A client's key, and proofs that it holds it (RFC 9449 section 4.2). */
import { randomUUID } from "node:crypto";
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from "jose";
import { origin } from "./world.ts";

export const tokenUrl = `${origin}/oauth/token`;

/** Makes proofs for the token endpoint, or as `claims` and `header` say. */
export async function openProver(alg = "ES256") {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const jwk = await exportJWK(publicKey);
  return {
    jkt: await calculateJwkThumbprint(jwk),
    privateJwk: await exportJWK(privateKey),
    prove(claims: object = {}, header: object = {}): Promise<string> {
      const iat = Math.floor(Date.now() / 1_000);
      return new SignJWT({ jti: randomUUID(), htm: "POST", htu: tokenUrl, iat, ...claims })
        .setProtectedHeader({ alg, typ: "dpop+jwt", jwk, ...header })
        .sign(privateKey);
    },
  };
}
