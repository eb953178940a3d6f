import { randomBytes, randomUUID } from "node:crypto";
import { drawApiKey } from "../../src/auth/api-keys/key-text.ts";
import { encode, makeKey, sign, type TestKey } from "../unit/auth/issuer.ts";

/** Tokens by what is right or wrong with them. */
export const tokenKinds = [
  "none",
  "full",
  "limited",
  "stranger",
  "wrong-audience",
  "expired",
  "not-yet",
  "issued-in-future",
  "unknown-key",
  "wrong-key",
  "alg-none",
  "alg-hs256",
  "other-issuer",
  "no-subject",
  "no-expiry",
  "keys-away",
  "api-key-unknown",
  "api-key-revoked",
  "api-key-elsewhere",
] as const;

export type TokenKind = (typeof tokenKinds)[number];
export type TokenOrder = TokenKind | { readonly subject: string; readonly groups: readonly string[] };

export const issuerUrl = "https://issuer.test/";
export const awayUrl = "https://away.test/";

/** An issuer of tests, and everyone who pretends to be it. */
export interface TestIssuer {
  /** API keys that were made for the gateway, by kind. */
  readonly apiKeys: Map<TokenKind, string>;
  /** The key set to trust, as JSON. */
  readonly jwks: string;
  /** A new token for a resource; undefined for `none`. */
  issue(order: TokenOrder, resource: string): Promise<string | undefined>;
}

export async function createTestIssuer(): Promise<TestIssuer> {
  const key = await makeKey("golden-1");
  const stranger = await makeKey("golden-2");
  const impostor: TestKey = { ...stranger, kid: key.kid };
  const apiKeys = new Map<TokenKind, string>();
  return {
    jwks: JSON.stringify({ keys: [{ ...key.publicJwk, alg: "ES256" }] }),
    apiKeys,
    async issue(order, resource) {
      const now = Math.floor(Date.now() / 1_000);
      const claims = {
        iss: issuerUrl,
        sub: "alice",
        aud: resource,
        iat: now,
        exp: now + 600,
        jti: randomUUID(),
        groups: ["all"],
      };
      if (typeof order === "object") return sign(key, { ...claims, sub: order.subject, groups: order.groups });
      switch (order) {
        case "none":
          return undefined;
        case "full":
          return sign(key, claims);
        case "limited":
          return sign(key, { ...claims, sub: "lena", groups: ["limited"] });
        case "stranger":
          return sign(key, { ...claims, sub: "sam", groups: [] });
        case "wrong-audience":
          return sign(key, { ...claims, aud: "https://elsewhere.test/alpha/mcp" });
        case "expired":
          return sign(key, { ...claims, iat: now - 7_200, exp: now - 3_600 });
        case "not-yet":
          return sign(key, { ...claims, nbf: now + 3_600, exp: now + 7_200 });
        case "issued-in-future":
          return sign(key, { ...claims, iat: now + 3_600, exp: now + 7_200 });
        case "unknown-key":
          return sign(stranger, claims);
        case "wrong-key":
          return sign(impostor, claims);
        case "alg-none":
          return `${encode('{"alg":"none","typ":"at+jwt"}')}.${encode(JSON.stringify(claims))}.`;
        case "alg-hs256":
          return `${encode('{"alg":"HS256","typ":"at+jwt"}')}.${encode(JSON.stringify(claims))}.${encode("x".repeat(32))}`;
        case "other-issuer":
          return sign(key, { ...claims, iss: "https://other.test/" });
        case "no-subject":
          return sign(key, { ...claims, sub: undefined });
        case "no-expiry":
          return sign(key, { ...claims, exp: undefined });
        case "api-key-unknown":
          return drawApiKey(randomBytes).text;
        case "api-key-revoked":
        case "api-key-elsewhere":
          return apiKeys.get(order);
        case "keys-away":
          return sign(key, { ...claims, iss: awayUrl });
      }
    },
  };
}
