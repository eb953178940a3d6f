/** What the schema cannot say about `identity.builtin.login`. Pure. */
import { readClaimPath } from "../auth/required.ts";
import { isForAllTenants, type Profile, profiles } from "../authorization/federation/profiles.ts";
import { checkClient } from "./credential-rules.ts";
import type { Path } from "./diagnose.ts";
import { problem, type RuleFinding, warning } from "./finding.ts";
import { checkProviderName } from "./login-names.ts";
import type { LoginProvider } from "./login-providers.ts";
import type { AssertionProvider } from "./machines.ts";
import type { Config } from "./schema.ts";

const base = ["identity", "builtin", "login"];

export function checkLogin({ identity, publicUrl }: Pick<Config, "identity" | "publicUrl">): RuleFinding[] {
  const { passwords, providers, assertions } = identity.builtin.login;
  const all = Object.entries(providers);
  const findings = all.flatMap(([name, provider]) => {
    const at = [...base, "providers", name];
    return [
      ...checkProviderName(name, at),
      ...checkTwin(provider, at, assertions[name], [...base, "assertions", name]),
      ...checkProvider(provider, at, publicUrl),
    ];
  });
  if (!passwords && all.length === 0) {
    const reads = [[...base, "providers"]];
    findings.push(problem([...base, "passwords"], "nobody could log in: there are no providers either", { reads }));
  }
  return findings;
}

/**
 * One subject must be one person, whichever way they come. People of two issuers would have the same ones; and assertions say `sub`, which
 * nobody may take as their name in another claim, and which would not be disabled by the name that another claim says.
 */
function checkTwin(
  { issuer, claims, profile }: LoginProvider,
  at: Path,
  twin: AssertionProvider | undefined,
  twinAt: Path,
): RuleFinding[] {
  if (twin === undefined) return [];
  const findings: RuleFinding[] = [];
  const named = `${twinAt.join(".")}, which has the same name`;
  if (twin.issuer !== issuer) {
    findings.push(problem([...at, "issuer"], `not the issuer of ${named}`, { reads: [[...twinAt, "issuer"]] }));
  }
  const subject = claims.subject ?? profiles[profile].subject;
  if (readClaimPath(subject)?.join("/") !== "sub") {
    const where = claims.subject === undefined ? ["profile"] : ["claims", "subject"];
    const message = `calls people by ${JSON.stringify(subject)}, and by "sub" in ${named}`;
    const hint = "set claims.subject: sub, or give one of them another name";
    findings.push(problem([...at, ...where], message, { hint, reads: [twinAt] }));
  }
  return findings;
}

function checkProvider(provider: LoginProvider, at: Path, publicUrl: string): RuleFinding[] {
  const { issuer, scopes, claims, groups, require } = provider;
  const profile: Profile = profiles[provider.profile];
  const findings = checkClient(provider, at);
  if (!profile.issuer.pattern.test(issuer)) {
    findings.push(problem([...at, "issuer"], `expected ${profile.issuer.expected}`, { reads: [[...at, "profile"]] }));
  }
  if (issuer.replace(/\/$/, "") === publicUrl) {
    findings.push(problem([...at, "issuer"], "this is the gateway itself", { reads: [["publicUrl"]] }));
  }
  if (scopes !== undefined && !scopes.includes("openid")) {
    findings.push(problem([...at, "scopes"], "without openid there is no ID token"));
  }
  const named = [
    ...Object.entries(claims).map(([key, claim]) => ({ at: [...at, "claims", key], claim })),
    ...Object.keys(require).map((claim) => ({ at: [...at, "require", claim], claim, key: true })),
  ];
  for (const { at: place, claim, ...more } of named) {
    if (claim === undefined || readClaimPath(claim) !== undefined) continue;
    const where = "key" in more ? ({ at: "key" } as const) : {};
    findings.push(problem(place, "in a JSON Pointer ~ is written ~0, and / is ~1", where));
  }
  if (Object.keys(groups).length > 0 && claims.groups === undefined && profile.groups === null) {
    const message = "such a provider says no groups, unless it is told in which claim";
    findings.push(problem([...at, "groups"], message, { hint: "set claims.groups", reads: [[...at, "claims"]] }));
  }
  return [...findings, ...checkWho(provider, profile, at)];
}

/** Who may come in where a provider lets in everybody. */
function checkWho(
  { profile: name, issuer, domains, require }: LoginProvider,
  profile: Profile,
  at: Path,
): RuleFinding[] {
  const findings: RuleFinding[] = [];
  if (domains !== undefined && profile.domain === null) {
    const hint = "name the tenant instead: require: { tid: [<its id>] }";
    findings.push(problem([...at, "domains"], "addresses that this provider names are not verified", { hint }));
  }
  const { tid } = require;
  // Every tenant's administrators decide what their tokens say: which tenants are meant has to be written out.
  if (isForAllTenants(name, issuer) && (tid === undefined || tid.some((id) => /[*?]/.test(id)))) {
    const message = "this issuer stands for every tenant in the world";
    const hint = "name yours: require: { tid: [<its id>] }, without * and ?; or put its id into the issuer";
    findings.push(problem([...at, "issuer"], message, { hint, reads: [[...at, "require"]] }));
  }
  if (profile.domain === "hd" && domains === undefined && Object.keys(require).length === 0) {
    const message = "everybody in the world has an account there, and may log in here";
    const hint = "say whose under domains";
    findings.push(
      warning([...at, "issuer"], message, {
        hint,
        reads: [
          [...at, "domains"],
          [...at, "require"],
        ],
      }),
    );
  }
  return findings;
}
