/** What the configuration says of a provider, with what its profile says besides. Pure. */
import { compileRequired, readClaimPath } from "../../auth/required.ts";
import type { LoginProvider } from "../../config/login-providers.ts";
import { returnPath } from "../paths.ts";
import { howRuleOf } from "./how.ts";
import type { PersonRules } from "./person.ts";
import { isForAllTenants, type Profile, profiles } from "./profiles.ts";

export interface ProviderSettings {
  readonly name: string;
  readonly label: string;
  readonly profile: Profile;
  readonly issuer: string;
  /** Whether the issuer stands for many tenants. */
  readonly isForAll: boolean;
  readonly scope: string;
  readonly redirectUri: string;
  /** Groups of ours by those of the provider. */
  readonly groups: ReadonlyMap<string, readonly string[]>;
  readonly rules: PersonRules;
  /** Whether its logout tokens may leave out what sort of token they are. */
  readonly untypedLogout: boolean;
  readonly client: Pick<
    LoginProvider,
    "clientId" | "clientSecret" | "clientKey" | "clientKeyId" | "authentication" | "issuer"
  >;
  /** Where the configuration has a member. */
  readonly line: (member: string) => string;
}

/** @throws Error for what `check` would have found unfit */
export function readSettings(name: string, config: LoginProvider, publicUrl: string): ProviderSettings {
  const profile: Profile = profiles[config.profile];
  const { issuer, claims, clientId, clientSecret, clientKey, clientKeyId, domains, untypedLogout } = config;
  const at = `identity.builtin.login.providers.${name}`;
  const groups = new Map(Object.entries(config.groups));
  const scopes = config.scopes ?? [...profile.scopes, ...(groups.size > 0 ? profile.groupScopes : [])];
  const isForAll = isForAllTenants(config.profile, issuer);
  const groupsClaim = claims.groups ?? profile.groups;
  const authentication =
    config.authentication ?? (clientKey === undefined ? profile.authentication : "private_key_jwt");
  return {
    name,
    label: config.label ?? profile.label,
    ...{ profile, issuer, isForAll, groups, untypedLogout },
    scope: scopes.join(" "),
    redirectUri: `${publicUrl}${returnPath}/${name}`,
    rules: {
      line: at,
      profile,
      subject: readPath(claims.subject ?? profile.subject),
      groups: groupsClaim === null ? null : readPath(groupsClaim),
      mapped: new Set(groups.keys()),
      domains: domains?.map((domain) => domain.toLowerCase()) ?? null,
      required: compileRequired(config.require),
      how: howRuleOf(config),
      perTenant: isForAll,
    },
    client: { issuer, clientId, clientSecret, clientKey, clientKeyId, authentication },
    line: (member) => `${at}.${member}`,
  };
}

function readPath(claim: string): readonly string[] {
  const path = readClaimPath(claim);
  if (path === undefined) throw new Error(`${JSON.stringify(claim)} is no JSON Pointer`);
  return path;
}
