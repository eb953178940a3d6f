import type { KeySource } from "./jwks.ts";
import type { RequiredClaim } from "./required.ts";

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
  /** Claims that a token must have besides those of every token. */
  readonly required: readonly RequiredClaim[];
  readonly keys: Pick<KeySource, "getKey">;
}
