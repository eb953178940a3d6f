import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from "jose";

/** A key of a pretended issuer. */
export interface TestKey {
  readonly kid: string | undefined;
  readonly alg: string;
  readonly privateKey: CryptoKey;
  readonly publicJwk: JWK;
}

export async function makeKey(kid: string | undefined, alg = "ES256"): Promise<TestKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const publicJwk = { ...(await exportJWK(publicKey)), ...(kid !== undefined && { kid }) };
  return { kid, alg, privateKey, publicJwk };
}

/** Signs claims just as they are. */
export function sign(key: TestKey, claims: object, header: object = {}): Promise<string> {
  const named = key.kid === undefined ? {} : { kid: key.kid };
  return new SignJWT(claims as Record<string, unknown>)
    .setProtectedHeader({ alg: key.alg, typ: "at+jwt", ...named, ...header })
    .sign(key.privateKey);
}

const algorithms = {
  ES256: { name: "ECDSA", hash: "SHA-256" },
} as const;

/** Signs text that no library would write. */
export async function signText(key: TestKey, header: string, payload: string): Promise<string> {
  const input = `${encode(header)}.${encode(payload)}`;
  const signature = await crypto.subtle.sign(
    algorithms.ES256,
    key.privateKey as globalThis.CryptoKey,
    Buffer.from(input),
  );
  return `${input}.${Buffer.from(signature).toString("base64url")}`;
}

export function encode(text: string): string {
  return Buffer.from(text).toString("base64url");
}
