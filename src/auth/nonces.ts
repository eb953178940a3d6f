/** What a proof must repeat to show that it was made lately (RFC 9449 section 9). */
export interface Nonces {
  /** The one to use now. */
  current(): string;
  accepts(nonce: string): boolean;
}

/** Milliseconds; one is accepted for as long again after the next has come. */
const periodMs = 300_000;

/**
 * Nonces that every process with the same key gives out and accepts, without keeping any.
 *
 * @param digest a keyed one
 * @param now milliseconds since the epoch
 */
export function createNonces(digest: (text: string) => string, now: () => number): Nonces {
  const of = (period: number) => digest(String(period));
  const period = () => Math.floor(now() / periodMs);
  return {
    current: () => of(period()),
    accepts: (nonce) => nonce === of(period()) || nonce === of(period() - 1),
  };
}
