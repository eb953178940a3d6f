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
