/** What an identity provider's assertion says of a person (ID-JAG), once its signature is known to be good. Pure. */
import { isPlainText, maxGroups } from "../../auth/claims.ts";
import type { JsonObject } from "../../auth/compact.ts";
import { mfaContext } from "../demands.ts";
import { type How, type HowRule, readHow } from "../federation/how.ts";

/** One identity provider whose assertions are accepted. */
export interface AssertionRules {
  /** Its name in the configuration, which subjects begin with. */
  readonly name: string;
  /** As assertions name it. */
  readonly issuer: string;
  readonly groupsClaim: string;
  /** What its groups are called here; null where they are called the same. */
  readonly groups: ReadonlyMap<string, string> | null;
  /** What tells a second factor: as of logins at this issuer, wherever there is more than one way to it by all of them. */
  readonly logins: readonly [HowRule, ...HowRule[]];
  /** From `iat` to `exp`, at most. */
  readonly lifetimeMs: number;
}

/** What is known of the request it came with. */
export interface AssertionScene {
  /** The authorization server itself, as assertions are to name it. */
  readonly audience: string;
  /** `client_id` of whoever has proved to be this client. */
  readonly client: string;
  readonly clockSkewMs: number;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
}

/** Somebody an identity provider speaks for. */
export interface Asserted extends How {
  /** Name of the provider and what it calls the person. */
  readonly subject: string;
  readonly groups: readonly string[];
  /** The server that it is for. */
  readonly resource: string;
  readonly scopes: readonly string[];
  /** Seconds since the epoch. */
  readonly authTime: number | undefined;
  /** Who signed it. */
  readonly issuer: string;
  readonly jti: string;
  /** Milliseconds since the epoch; it is refused from then on. */
  readonly untilMs: number;
}

/** Makes the refusal of a name and a detail that quotes nothing secret. */
export type Refuse = (reason: string, detail: string) => Error;

/** Longer subjects than this and the name before it are not accepted in tokens. */
const maxSubject = 190;
const maxText = 2_048;
const maxGroup = 255;

/**
 * MCP Enterprise-Managed Authorization section 5.1 (draft-ietf-oauth-identity-assertion-authz-grant), RFC 7523 section 3.
 *
 * @throws what `refuse` makes: `assertion_claims`, `_audience`, `_client`, `_expired`, `_early`, `_lifetime`, `_bound`
 */
export function readAssertion(
  said: JsonObject,
  rules: AssertionRules,
  scene: AssertionScene,
  refuse: Refuse,
): Asserted {
  const text = (claim: string, most: number = maxText) => {
    const value = said[claim];
    if (typeof value === "string" && isPlainText(value, most)) return value;
    throw refuse("assertion_claims", `${claim} is missing, or no text of at most ${most} characters`);
  };
  const [only, ...others] = [said.aud].flat();
  // Were it for several, the others could use it here.
  if (only !== scene.audience || others.length > 0)
    throw refuse("assertion_audience", "aud is not this server's issuer alone");
  if (text("client_id") !== scene.client) throw refuse("assertion_client", "client_id is another client");
  // Where it is bound to a key, holding it is not enough, and this server asks for no proof.
  if (said.cnf !== undefined) throw refuse("assertion_bound", "it is bound to a key (cnf)");
  const untilMs = readTimes(said, rules, scene, refuse);
  const subject = text("sub", maxSubject);
  return {
    subject: `${rules.name}:${subject}`,
    groups: readGroups(said[rules.groupsClaim], rules, refuse),
    resource: text("resource"),
    scopes:
      said.scope === undefined
        ? []
        : text("scope")
            .split(" ")
            .filter((scope) => scope !== ""),
    ...readHows(said, rules.logins),
    authTime:
      typeof said.auth_time === "number" && said.auth_time * 1_000 <= scene.nowMs + scene.clockSkewMs
        ? said.auth_time
        : undefined,
    issuer: rules.issuer,
    jti: text("jti", maxGroup),
    untilMs,
  };
}

function readHows(said: JsonObject, [rule, ...others]: AssertionRules["logins"]): How {
  const how = readHow(said, rule);
  return others.map((other) => readHow(said, other)).find(({ acr }) => acr !== mfaContext) ?? how;
}

function readTimes(
  said: JsonObject,
  { lifetimeMs }: AssertionRules,
  { nowMs, clockSkewMs }: AssertionScene,
  refuse: Refuse,
): number {
  const [iat, exp, nbf = 0] = [said.iat, said.exp, said.nbf];
  if (!isSecond(iat) || !isSecond(exp) || !isSecond(nbf))
    throw refuse("assertion_claims", "iat or exp is missing, or no date");
  const untilMs = exp * 1_000 + clockSkewMs;
  if (nowMs >= untilMs) throw refuse("assertion_expired", "exp is past");
  if (Math.max(iat, nbf) * 1_000 > nowMs + clockSkewMs)
    throw refuse("assertion_early", "iat or nbf lies in the future; compare the clocks");
  if ((exp - iat) * 1_000 > lifetimeMs) throw refuse("assertion_lifetime", "it is good for longer than is accepted");
  return untilMs;
}

/** Too many are refused, as leaving some out could skip a deny rule. */
function readGroups(value: unknown, { groups, groupsClaim }: AssertionRules, refuse: Refuse): string[] {
  const said = typeof value === "string" ? [value] : value;
  if (!isTexts(said)) return [];
  if (said.length > maxGroups || !said.every((group) => isPlainText(group, maxGroup))) {
    throw refuse("assertion_claims", `${groupsClaim} has too many entries, or one that is no plain text`);
  }
  return groups === null ? [...said] : said.flatMap((group) => groups.get(group) ?? []);
}

function isSecond(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value < 1e11;
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.length <= 1_000 && value.every((entry) => typeof entry === "string");
}
