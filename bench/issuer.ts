import type { webcrypto } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { exportJWK, generateKeyPair, SignJWT } from "jose";

/** Who signs the tokens of the bench. */
export interface Issuer {
  readonly url: string;
  readonly audience: string;
  /** File with its key set. */
  readonly jwks: string;
  /** The private key, for a load that signs tokens of its own. */
  readonly key: webcrypto.JsonWebKey;
  /**
   * A token of the group `readers`.
   *
   * @param lifetime how long it is good for, as jose takes it. Default: an hour
   */
  issue(subject: string, lifetime?: string): Promise<string>;
}

const url = "https://issuer.invalid/";
const audience = "bench";

/** Makes a key and writes its key set into `directory`. */
export async function createIssuer(directory: string): Promise<Issuer> {
  const { publicKey, privateKey } = await generateKeyPair("ES256", { extractable: true });
  const key = { ...(await exportJWK(publicKey)), kid: "bench", alg: "ES256", use: "sig" };
  const jwks = join(directory, "jwks.json");
  await writeFile(jwks, JSON.stringify({ keys: [key] }));
  return {
    url,
    audience,
    jwks,
    key: (await exportJWK(privateKey)) as webcrypto.JsonWebKey,
    issue: (subject, lifetime = "1h") =>
      new SignJWT({ groups: ["readers"], client_id: "bench" })
        .setProtectedHeader({ alg: "ES256", kid: "bench", typ: "at+jwt" })
        .setIssuer(url)
        .setAudience(audience)
        .setSubject(subject)
        .setIssuedAt()
        .setExpirationTime(lifetime)
        .sign(privateKey),
  };
}
