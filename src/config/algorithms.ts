/** Signature algorithms that tokens may be signed with (RFC 7518, RFC 8037, RFC 9864). */
export const algorithms = [
  "ES256",
  "ES384",
  "ES512",
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "EdDSA",
  "Ed25519",
] as const;
