import type { KeySource } from "./jwks.ts";

/** One trusted issuer. */
export interface VerifierIssuer {
  /** Its name in the configuration. */
  readonly name: string;
  /** The `iss` claim, compared exactly. */
  readonly issuer: string;
  /** Accepted `aud` values; empty means the resource that is asked for. */
  readonly audience: readonly string[];
  /** Accepted `alg` values. */
  readonly algorithms: readonly string[];
  /** Claim that holds the groups. */
  readonly groupsClaim: string;
  readonly keys: Pick<KeySource, "getKey">;
}
