/** Somebody presses the button of a provider, and is sent there. */
import { calculatePKCECodeChallenge } from "openid-client";
import { isOwn } from "../account/client.ts";
import type { Demand } from "../demands.ts";
import { pagesPath } from "../paths.ts";
import { type Details, type PageKit, type PageVisit, send } from "../visit.ts";
import { digestBrowser, findBrowser, keepDeparture, newToken, rememberAway } from "./away.ts";
import { FederationFailure } from "./failure.ts";
import { renderAway, renderFailure } from "./pages.ts";
import { canGive, renderWanted, settleForReturn, type Wanted } from "./wanted.ts";

/**
 * The gateway is one and the same client to a provider whichever MCP client a login is for, so a provider that once let it in asks nothing
 * the next time: without anything else, a link would be enough to give whoever made it a token of whoever follows it (confused deputy).
 * MCP 2026-07-28 (Security Considerations, and "Consent Flow Implementation" of the best practices) therefore wants the consent of a person
 * to a client before they are forwarded. Who it is that consents is known only when they are back. So it holds in three steps:
 *
 * 1. Nobody is sent on by a link, even where there is one way to log in and the person has gone it before. The page with the button names
 *    the client, where its answer goes, the servers and scopes; pressing it, a form with a token of ours on a page that nobody can frame,
 *    is the agreement of whoever is there, and is kept for this one login and no other.
 * 2. `state` and the cookie of the browser exist from that moment on, not before, and the answer counts in this browser alone, once.
 * 3. Whoever they turn out to be is asked by name on the consent page, unless that very person has given this very client all of these
 *    scopes before (consents.ts, the registry per user); without it there is no code.
 */
export async function leave(
  kit: PageKit,
  visit: PageVisit,
  details: Details,
  name: string,
  demand: Demand,
): Promise<void> {
  const { request, response, note, ip } = visit;
  const provider = kit.federation.find(name);
  const back = `${pagesPath}/${details.uid}`;
  note.action = "login-away";
  const fail = (status: number, text: string, reason: string) => {
    Object.assign(note, { successful: false, reason });
    send(response, status, renderFailure(text, "", back), []);
  };
  // What stands in a form may be anything; only what is configured is recorded.
  if (provider === undefined) return fail(404, "There is no such place to log in.", "provider_unknown");
  note.provider = name;
  if ((await kit.countAway(ip)) !== null)
    return fail(429, "Too many attempts. Try again in a few minutes.", "login_limited");
  const { settings, connection } = provider;
  const { profile, rules, scope, redirectUri } = settings;
  const isAgain = details.prompt.reasons.includes("login_prompt") || demand.maxAgeMs === 0;
  const wanted: Wanted = { ...demand, again: isAgain };
  const least = isOwn(details) ? settleForReturn(wanted, profile) : wanted;
  if (!canGive(least, profile, rules.how.factor)) {
    return fail(
      403,
      "This takes a login that cannot be had there. Choose another way, if there is one.",
      "login_unmeetable",
    );
  }
  const departure = { state: newToken(), nonce: newToken(), verifier: newToken() };
  try {
    const url = await connection.authorize({
      ...{ scope, redirect_uri: redirectUri, state: departure.state, nonce: departure.nonce },
      code_challenge: await calculatePKCECodeChallenge(departure.verifier),
      code_challenge_method: "S256",
      ...renderWanted(wanted, profile, rules.how.factor),
    });
    const browser = findBrowser(request.headers.cookie) ?? newToken();
    const { state, ...secrets } = departure;
    const kept = {
      provider: name,
      browser: digestBrowser(browser),
      uid: details.uid,
      ...secrets,
      wanted,
      startedMs: kit.now(),
    };
    await keepDeparture(kit.store, state, kept);
    note.successful = true;
    response.appendHeader("set-cookie", rememberAway(browser));
    send(response, 200, renderAway(settings.label, url.href), []);
  } catch (error) {
    if (!(error instanceof FederationFailure)) throw error;
    kit.providerFailed(name, error);
    fail(502, error.text, error.reason);
  }
}
