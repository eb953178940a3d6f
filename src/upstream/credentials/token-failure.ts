import { Denial, type DenialCode } from "../../denial.ts";

/**
 * Why there is no token. `unavailable`: the authorization server cannot be asked, or cannot be understood. `refused`: it does not let
 * the gateway. `denied`: it does not let this caller.
 */
export type TokenFault = "unavailable" | "refused" | "denied";

const codes = {
  unavailable: "credentials_unavailable",
  refused: "credentials_refused",
  denied: "delegation_refused",
} as const satisfies Record<TokenFault, DenialCode>;

/** No token. The detail is the gateway's own words: whatever an authorization server says stays outside of log and record. */
export class TokenFailure extends Error {
  override readonly name = "TokenFailure";
  readonly fault: TokenFault;
  /** Milliseconds until it is asked again; null where nothing speaks against asking at once. */
  readonly retryAfterMs: number | null;

  constructor(fault: TokenFault, detail: string, retryAfterMs: number | null = null) {
    super(detail);
    this.fault = fault;
    this.retryAfterMs = retryAfterMs;
  }

  /** As the caller hears of it; one for each, since rooms add to it what only they know. */
  toDenial(): Denial {
    const { fault, message, retryAfterMs } = this;
    return new Denial(codes[fault], { detail: message, ...(retryAfterMs !== null && { retryAfterMs }) });
  }
}
