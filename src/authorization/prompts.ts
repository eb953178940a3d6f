/** When somebody has to log in or consent: as the library has it, and where what is asked for takes another login than there was. */
import { interactionPolicy, type KoaContextWithOIDC } from "oidc-provider";
import { readDemand } from "./asked.ts";
import { mayBeAnybody } from "./clients/unproved.ts";
import { isByKey, isRecent, joinDemands, mfaContext } from "./demands.ts";
import type { Resources } from "./resources.ts";

/** Why a second factor has to be part of the login, among the reasons of a prompt. */
export const mfaReason = "second_factor";

/** Why somebody is asked for what they have consented to before. */
export const anybodyReason = "client_unproved";

/** What the step is called in which somebody is told what happened to their login, and what remembers that it was taken. */
export const noticePrompt = "notice";

/**
 * @param now milliseconds since the epoch
 * @param hasNews whether there is something that somebody has to be told
 */
export function createPrompts(resources: Resources, now: () => number, hasNews: (name: string) => Promise<boolean>) {
  const { Check, Prompt, base } = interactionPolicy;
  const policy = base();
  const consent = policy.get("consent")?.checks;
  // The library asks by what a client calls itself; a secret or a key of its own, or an https address, is proof enough of who it is.
  consent?.remove("native_client_prompt");
  consent?.add(
    new Check(
      anybodyReason,
      "this client may be anybody, so its user is asked each time",
      "consent_required",
      ({ oidc }) => {
        return oidc.result?.consent === undefined && mayBeAnybody(oidc);
      },
    ),
  );
  const { checks } = policy.get("login") ?? {};
  checks?.add(
    new Check("login_ended", "the login has ended", "login_required", ({ oidc }) => {
      // Somebody who is disabled, or has another password since.
      return oidc.session?.accountId !== undefined && oidc.account === undefined;
    }),
  );
  checks?.add(
    new Check(mfaReason, "this takes a login with a second factor", "login_required", ({ oidc }) => {
      return demandOf(resources, oidc).mfa && oidc.session?.acr !== mfaContext;
    }),
  );
  checks?.add(
    new Check("hardware_key", "this takes a login with a key in hardware", "login_required", ({ oidc }) => {
      return !isByKey(demandOf(resources, oidc), { amr: oidc.session?.amr });
    }),
  );
  checks?.add(
    new Check("login_old", "this takes a more recent login", "login_required", ({ oidc }) => {
      const login = { authTime: oidc.session?.loginTs };
      return oidc.result?.login === undefined && !isRecent(demandOf(resources, oidc), login, now());
    }),
  );
  // After a login, once: whoever wants no page shown comes with a login that there was before.
  const news = new Check("news", "there is something to be told", ({ oidc: { session, result } }) => {
    const name = session?.accountId;
    const isDue = name !== undefined && result?.login !== undefined && result[noticePrompt] === undefined;
    return isDue && hasNews(name);
  });
  policy.add(new Prompt({ name: noticePrompt }, news), 1);
  return policy;
}

/** What the client asks for, and what its scopes take. */
function demandOf(resources: Resources, { params, resourceServers, requestParamScopes }: KoaContextWithOIDC["oidc"]) {
  const scopes = [...requestParamScopes];
  const taken = Object.keys(resourceServers ?? {}).map((resource) => resources.demandOf(resource, scopes));
  return joinDemands([readDemand(params ?? {}), ...taken]);
}
