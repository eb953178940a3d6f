/** How somebody logged in, by what a provider says of it: in an ID token, or in an assertion. Pure. */
import { isPlainText } from "../../auth/claims.ts";
import type { LoginProvider } from "../../config/login-providers.ts";
import { mfaContext } from "../demands.ts";
import { type Profile, profiles } from "./profiles.ts";
import type { FactorRule } from "./wanted.ts";

/** What tells a second factor in what a provider says. */
export interface HowRule {
  readonly contextClaim: Profile["contextClaim"];
  readonly factor: FactorRule;
}

/** How somebody logged in, as tokens have it. */
export interface How {
  /** `mfa` where a second factor is proved; else what the provider says. */
  readonly acr: string | undefined;
  readonly amr: readonly string[] | undefined;
}

const maxTextLength = 128;
const maxMethods = 20;

/** The rule of a provider that is configured. */
export function howRuleOf({ profile: name, mfa }: Pick<LoginProvider, "profile" | "mfa">): HowRule {
  const profile: Profile = profiles[name];
  const factor = { amr: mfa.amr ?? profile.mfa.amr, acr: mfa.acr ?? profile.mfa.acr, always: mfa.always };
  return { contextClaim: profile.contextClaim, factor };
}

/** @param claims of a token whose signature is known to be good */
export function readHow(claims: Readonly<Record<string, unknown>>, { contextClaim, factor }: HowRule): How {
  const context = claims[contextClaim];
  const contexts = textsOf(context);
  const amr = textsOf(claims.amr);
  const isMfa =
    factor.always ||
    contexts.some((each) => factor.acr.includes(each)) ||
    amr.some((each) => factor.amr.includes(each));
  // What the provider itself calls `mfa` counts by the rule above or not at all.
  const said = typeof context === "string" ? contexts.find((each) => each !== mfaContext) : undefined;
  return { acr: isMfa ? mfaContext : said, amr: amr.length === 0 ? undefined : amr };
}

/** Texts that are fit for a token; of a list not too many. */
function textsOf(value: unknown): string[] {
  const texts = [value].flat().filter((each) => typeof each === "string");
  return texts.filter((each) => isPlainText(each, maxTextLength)).slice(0, maxMethods);
}
