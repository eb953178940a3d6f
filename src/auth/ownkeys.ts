/** The keys of tokens that the gateway signed itself, as an issuer among the others. */
import { type CryptoKey, createLocalJWKSet, type JSONWebKeySet, type JWSHeaderParameters } from "jose";
import { Denial } from "../denial.ts";
import { type KeySource, unknownKeyEveryMs } from "./jwks.ts";
import { describeKey, findKey, type SelectKey } from "./keyset.ts";

/** The gateway's own keys, as far as verifying goes; a `Keyring` is one. */
export interface OwnKeys {
  /** The same object for as long as the keys are the same. */
  publicJwks(): JSONWebKeySet;
  /** Looks for other keys. */
  refresh(): Promise<unknown>;
}

/** A source over the gateway's own keys, which are looked for again when a token names an unknown one. */
export function createOwnKeySource(keys: OwnKeys, now: () => number): Pick<KeySource, "getKey"> {
  let set = keys.publicJwks();
  let select: SelectKey = createLocalJWKSet(set);
  let running: Promise<unknown> | undefined;
  let askedAtMs = -Infinity;

  function find(header: JWSHeaderParameters): Promise<CryptoKey | undefined> {
    const latest = keys.publicJwks();
    if (latest !== set) select = createLocalJWKSet(latest);
    set = latest;
    return findKey(select, header);
  }

  return {
    async getKey(header) {
      const key = await find(header);
      if (key !== undefined) return key;
      // A clock that was set back must not make the pause longer.
      if (running === undefined && Math.abs(now() - askedAtMs) >= unknownKeyEveryMs) {
        askedAtMs = now();
        running = keys
          .refresh()
          .catch(asUnavailable)
          .finally(() => {
            running = undefined;
          });
      }
      await running;
      const found = await find(header);
      if (found === undefined) throw new Denial("token_key", { detail: describeKey(header) });
      return found;
    },
  };
}

function asUnavailable(cause: Error): never {
  throw new Denial("keys_unavailable", { detail: cause.message, cause });
}
