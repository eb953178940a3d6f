/**
 * What is particular about the identity providers that people have: one entry each, and nothing about them anywhere else. Where a claim is
 * named, it is a name at the top of the ID token or a JSON Pointer.
 */

/** How a provider differs from what OpenID Connect says of all. */
export interface Profile {
  /** What the button calls it. */
  readonly label: string;
  readonly scopes: readonly string[];
  /** Asked for besides where groups are mapped. */
  readonly groupScopes: readonly string[];
  /** Claim that names a person for good. */
  readonly subject: string;
  /** Claim that holds groups; null where the provider says none unless it is told to. */
  readonly groups: string | null;
  /** What proves a second factor: entries of `amr` (RFC 8176), contexts in `contextClaim`. */
  readonly mfa: { readonly amr: readonly string[]; readonly acr: readonly string[] };
  /** Claim that says the context of a login: `acrs` is a list of Entra's authentication contexts. */
  readonly contextClaim: "acr" | "acrs";
  /** How a context is asked for; null where it cannot be. */
  readonly asksContext: "acr_values" | "claims" | null;
  /** Whether it understands `max_age`, and says `auth_time` then. */
  readonly asksAge: boolean;
  /** Whether it has somebody log in anew for `prompt=login`. */
  readonly asksAgain: boolean;
  /** By what `domains` tells people of a domain: Google's `hd`, or a verified e-mail address; null where neither can be trusted. */
  readonly domain: "hd" | "email" | null;
  /** How a client shows its secret there. */
  readonly authentication: "client_secret_basic" | "client_secret_post";
  /** What an issuer looks like; anything else could not work. */
  readonly issuer: { readonly pattern: RegExp; readonly expected: string };
  /** Claim of the tenant, where one issuer stands for many. */
  readonly tenant: string | null;
}

const generic: Profile = {
  label: "single sign-on",
  scopes: ["openid", "profile", "email"],
  groupScopes: [],
  subject: "sub",
  groups: "groups",
  mfa: { amr: ["mfa"], acr: [] },
  contextClaim: "acr",
  asksContext: "acr_values",
  asksAge: true,
  asksAgain: true,
  domain: "email",
  authentication: "client_secret_basic",
  issuer: { pattern: /^/, expected: "a URL" },
  tenant: null,
};

const google: Profile = {
  ...generic,
  label: "Google",
  groups: null,
  // Says neither how nor when somebody logged in, and cannot be asked for more.
  mfa: { amr: [], acr: [] },
  asksContext: null,
  asksAge: false,
  asksAgain: false,
  domain: "hd",
};

/** As Okta names how many factors a login had, whichever they were. */
function oktaLevel(factors: string): string {
  return ["urn:okta:loa", factors, "any"].join(":");
}

export const profiles = {
  generic,
  entra: {
    ...generic,
    label: "Microsoft",
    // `sub` is another one for each app; `oid` is what the directory shows.
    subject: "oid",
    // Contexts of Conditional Access (`c1` and so on) are each organization's own.
    contextClaim: "acrs",
    asksContext: "claims",
    asksAge: false,
    // Addresses are whatever an administrator of any tenant wrote there.
    domain: null,
    issuer: { pattern: /\/v2\.0$/, expected: "…/<tenant>/v2.0: tokens of the first version lack what is needed" },
    tenant: "tid",
  },
  okta: {
    ...generic,
    label: "Okta",
    groupScopes: ["groups"],
    mfa: { amr: ["mfa"], acr: [oktaLevel("2fa"), "phr", "phrh"] },
    issuer: { pattern: /[^/]$/, expected: "the issuer of an Okta authorization server, without a slash at its end" },
  },
  keycloak: {
    ...generic,
    label: "Keycloak",
    groups: "/realm_access/roles",
    issuer: { pattern: /\/realms\/[^/]+$/, expected: "…/realms/<realm>" },
  },
  cognito: {
    ...generic,
    label: "Cognito",
    groups: "cognito:groups",
    asksContext: null,
    asksAge: false,
  },
  auth0: {
    ...generic,
    label: "Auth0",
    // Claims of one's own have a URL for a name.
    groups: null,
    mfa: { amr: ["mfa"], acr: ["http://schemas.openid.net/pape/policies/2007/06/multi-factor"] },
    authentication: "client_secret_post",
    issuer: { pattern: /\/$/, expected: "a slash at its end, as Auth0 has it in its tokens" },
  },
  google,
} as const satisfies Readonly<Record<string, Profile>>;

export type ProfileName = keyof typeof profiles;

export const profileNames = Object.keys(profiles) as [ProfileName, ...ProfileName[]];

/** Issuers of Entra that stand for every tenant there is. */
export function isForAllTenants(profile: ProfileName, issuer: string): boolean {
  return profiles[profile].tenant !== null && /\/(?:common|organizations|consumers)\/v2\.0$/.test(issuer);
}

/** The table for docs/identity.md. */
export function renderProfiles(): string {
  const code = (texts: readonly string[]) => texts.map((text) => `\`${text}\``).join(", ") || "none";
  const rows = Object.entries<Profile>(profiles).map(([name, profile]) => {
    const { scopes, groupScopes, subject, groups, mfa, contextClaim, domain, authentication } = profile;
    const further = groupScopes.length === 0 ? "" : `; with \`groups\` also ${code(groupScopes)}`;
    const again = profile.asksAge
      ? "`max_age`, `prompt=login`"
      : profile.asksAgain
        ? "`prompt=login`"
        : "cannot be asked";
    const cells = [
      `${code(scopes)}${further}`,
      `\`${subject}\``,
      groups === null ? "none" : `\`${groups}\``,
      `\`amr\`: ${code(mfa.amr)}; \`${contextClaim}\`: ${code(mfa.acr)}`,
      again,
      domain === null ? "none" : domain === "hd" ? "`hd`" : "verified `email`",
      `\`${authentication}\``,
    ];
    return `| \`${name}\` | ${cells.join(" | ")} |`;
  });
  const head = [
    "profile",
    "`scopes`",
    "`claims.subject`",
    "`claims.groups`",
    "`mfa`",
    "another login",
    "`domains` by",
    "secret",
  ];
  return [`| ${head.join(" | ")} |`, `|${head.map(() => "---").join("|")}|`, ...rows].join("\n");
}
