/** Signature algorithms of proofs, as the gateway announces and accepts them (RFC 9449 section 5.1): asymmetric ones only. */
export const proofAlgorithms: readonly string[] = ["ES256", "EdDSA", "Ed25519", "PS256"];
