/**
 * The token in an Authorization header (RFC 6750 section 2.1); undefined where there is something else. The scheme is
 * case-insensitive (RFC 9110 section 11.1).
 */
export function readBearer(header: string): string | undefined {
  return /^bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(header)?.[1];
}
