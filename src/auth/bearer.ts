/** What an Authorization header says. Pure. */

/** A token as it was sent. */
export interface ShownToken {
  readonly token: string;
  /** Whether it comes with a proof of possession: the scheme is `DPoP` (RFC 9449 section 7.1). */
  readonly proved: boolean;
}

/**
 * The token in an Authorization header (RFC 6750 section 2.1, RFC 9449 section 7.1); undefined where there is something else. The
 * scheme is case-insensitive (RFC 9110 section 11.1).
 */
export function readAuthorization(header: string): ShownToken | undefined {
  const [, scheme, token] = /^(bearer|dpop) +([A-Za-z0-9._~+/-]+=*)$/i.exec(header) ?? [];
  return token === undefined ? undefined : { token, proved: scheme?.toLowerCase() === "dpop" };
}
