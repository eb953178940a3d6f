/**
 * Signature algorithms of proofs, as the gateway announces and accepts them (RFC 9449 section 5.1), where tokens are given as where they
 * are used: asymmetric ones only.
 */
export const proofAlgorithms = ["ES256", "EdDSA", "Ed25519", "PS256"] as const;
