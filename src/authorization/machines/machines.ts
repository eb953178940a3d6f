/** What a configuration says of machines and of whoever speaks for people, ready for the authorization server. */
import type { KeyDemand } from "../../auth/keyshelf.ts";
import { resourceOf } from "../../auth/metadata.ts";
import type { LoginProvider } from "../../config/login-providers.ts";
import type { Config } from "../../config/schema.ts";
import type { House } from "../../house.ts";
import { howRuleOf } from "../federation/how.ts";
import type { AssertionProvider } from "./assertion.ts";
import { describeClient, type RegisteredClient } from "./registered.ts";

export interface Machines {
  /** By `client_id`. */
  readonly clients: ReadonlyMap<string, RegisteredClient>;
  readonly providers: readonly AssertionProvider[];
  readonly clockSkewMs: number;
}

/** Connects to nothing yet. */
export function openMachines({ publicUrl, identity }: Config, { keys }: Pick<House, "keys">): Machines {
  const { clients, assertions, providers, resources } = identity.builtin.login;
  return {
    clients: new Map(
      Object.entries(clients).map(([id, client]) => [
        id,
        describeClient(id, client, (server) => resources[server]?.url ?? resourceOf(publicUrl, server)),
      ]),
    ),
    providers: Object.entries(assertions).map(([name, { claims, groups, lifetime, ...assertion }]) => ({
      name,
      issuer: assertion.issuer,
      algorithms: assertion.algorithms,
      logins: rulesOf(assertion.issuer, Object.values(providers)),
      groupsClaim: claims.groups,
      groups: groups === undefined ? null : new Map(Object.entries(groups)),
      lifetimeMs: lifetime,
      keys: keys.of(demandOf(identity, assertion)),
    })),
    clockSkewMs: identity.clockSkew,
  };
}

/** Whoever speaks for people is believed no more of a second factor than where they log in at the same issuer. */
function rulesOf(issuer: string, providers: readonly LoginProvider[]): AssertionProvider["logins"] {
  const [rule = howRuleOf(unknown), ...others] = providers.filter((each) => each.issuer === issuer).map(howRuleOf);
  return [rule, ...others];
}

/** Where nobody logs in. */
const unknown = { profile: "generic", mfa: { always: false } } as const;

/** The keys that assertions are verified with. */
export function listAssertionDemands({ identity }: Config): KeyDemand[] {
  const { enabled, assertions } = identity.builtin.login;
  return enabled ? Object.values(assertions).map((assertion) => demandOf(identity, assertion)) : [];
}

function demandOf(
  { keysMaxAge, keysMaxStale }: Config["identity"],
  { issuer, jwksUri }: { readonly issuer: string; readonly jwksUri?: string | undefined },
): KeyDemand {
  return { issuer, jwks: jwksUri, maxAgeMs: keysMaxAge, maxStaleMs: keysMaxStale };
}
