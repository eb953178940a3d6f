/** What an ID token, verified, says about somebody. Pure. */
import { isPlainText } from "../../auth/claims.ts";
import { findMissed, type RequiredClaim, readClaim } from "../../auth/required.ts";
import { FederationFailure } from "./failure.ts";
import { type How, type HowRule, readHow } from "./how.ts";
import type { Profile } from "./profiles.ts";

/** Somebody, and how they logged in. */
export interface Person extends How {
  /** As the provider calls them. */
  readonly subject: string;
  /** Groups of the provider, of those that are mapped. */
  readonly groups: readonly string[];
  /** An address that the provider has verified. */
  readonly email: string | null;
  /** Seconds since the epoch. */
  readonly authTime: number | null;
}

/** How the claims of a provider are read. */
export interface PersonRules {
  /** Where the configuration has it, for messages. */
  readonly line: string;
  readonly profile: Profile;
  readonly subject: readonly string[];
  readonly groups: readonly string[] | null;
  readonly mapped: ReadonlySet<string>;
  readonly domains: readonly string[] | null;
  readonly required: readonly RequiredClaim[];
  readonly how: HowRule;
  /** Whether subjects are unique within their tenant only. */
  readonly perTenant: boolean;
}

const maxTextLength = 128;
/** As a session keeps it in seconds; larger numbers are no dates. */
const maxSeconds = 8.64e12;

type Claims = Readonly<Record<string, unknown>>;

/** @throws FederationFailure `person_refused`, `subject_unfit`, `groups_unfit`, `groups_overage` */
export function readPerson(claims: Claims, rules: PersonRules): Person {
  checkWho(claims, rules);
  const { auth_time: authTime } = claims;
  return {
    subject: readSubject(claims, rules),
    groups: readGroups(claims, rules),
    email: readEmail(claims),
    ...readHow(claims, rules.how),
    authTime: typeof authTime === "number" && authTime > 0 && authTime < maxSeconds ? Math.floor(authTime) : null,
  };
}

function checkWho(claims: Claims, { line, required, domains, profile }: PersonRules): void {
  const missed = findMissed(claims, required);
  if (missed !== undefined) {
    throw new FederationFailure("person_refused", `${JSON.stringify(missed.name)} is not what ${line}.require wants`);
  }
  if (domains === null) return;
  const domain = profile.domain === "hd" ? claims.hd : readEmail(claims)?.split("@").at(-1);
  if (typeof domain !== "string" || !domains.includes(domain.toLowerCase())) {
    const by = profile.domain === "hd" ? "hd" : "a verified email";
    throw new FederationFailure("person_refused", `${by} is not of ${line}.domains`);
  }
}

function readSubject(claims: Claims, { line, subject: path, perTenant, profile }: PersonRules): string {
  const said = readClaim(claims, path);
  const tenant = perTenant && profile.tenant !== null ? claims[profile.tenant] : undefined;
  const subject =
    typeof said !== "string" ? "" : !perTenant ? said : typeof tenant === "string" ? `${tenant}.${said}` : "";
  if (said !== "" && isPlainText(subject, maxTextLength)) return subject;
  const detail = `the ID token has no usable /${path.join("/")} (${line}.claims.subject), or one longer than ${maxTextLength}`;
  throw new FederationFailure("subject_unfit", detail);
}

/**
 * A claim that is not there is nobody's groups: providers leave it out of somebody who has none. One that could not be said in full, or
 * cannot be read, is refused, as a rule that denies something to a group would be passed over.
 */
function readGroups(claims: Claims, { line, groups: path, mapped }: PersonRules): string[] {
  if (path === null || mapped.size === 0) return [];
  if (isTooMany(claims, path)) {
    const advice =
      "let the provider say only groups that are assigned to the application, or roles (claims.groups: roles)";
    throw new FederationFailure("groups_overage", `the ID token says only where to ask for groups; ${advice}`);
  }
  const said = readClaim(claims, path);
  if (said === undefined || said === null) return [];
  const groups = typeof said === "string" ? [said] : said;
  if (!Array.isArray(groups) || !groups.every((group) => typeof group === "string")) {
    throw new FederationFailure("groups_unfit", `the claim ${line}.claims.groups is no list of texts`);
  }
  return [...new Set<string>(groups)].filter((group) => mapped.has(group));
}

/** Distributed claims (OpenID Connect Core section 5.6.2), as Entra uses them beyond 200 groups; `hasgroups` in short tokens. */
function isTooMany(claims: Claims, path: readonly string[]): boolean {
  const { _claim_names: elsewhere, hasgroups } = claims;
  const [top = ""] = path;
  const isElsewhere = typeof elsewhere === "object" && elsewhere !== null && Object.hasOwn(elsewhere, top);
  return isElsewhere || (top === "groups" && hasgroups !== undefined && hasgroups !== false);
}

function readEmail({ email, email_verified: verified }: Claims): string | null {
  // Cognito writes it as text.
  const isVerified = verified === true || verified === "true";
  return isVerified && typeof email === "string" && isPlainText(email, 254) && email.includes("@") ? email : null;
}
