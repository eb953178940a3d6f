/** TLS towards others: certificates are always verified. */
import { Agent } from "undici";

/** Said wherever a connection is made, since `NODE_TLS_REJECT_UNAUTHORIZED=0` would say otherwise. */
export const verified = { rejectUnauthorized: true } as const;

/** For requests that take no connections of their own. */
export const verifiedAgent = new Agent({ connect: verified });

/** True where the environment asks Node to take any certificate, which has no effect here. */
export function isVerifyingDenied(environment: NodeJS.ProcessEnv): boolean {
  return environment.NODE_TLS_REJECT_UNAUTHORIZED === "0";
}

/** Codes of Node.js and OpenSSL for a certificate that nobody vouches for. */
const untrusted: ReadonlySet<string> = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
]);

/** Whether a connection failed for want of trust in the certificate alone. */
export function isUntrusted(code: string): boolean {
  return untrusted.has(code);
}
