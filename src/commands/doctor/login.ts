/** The rest of what a client does, where the operator lets it go on: login, token, refresh, call. */
import { isLoopbackHost } from "../../network/url.ts";
import { type Asking, authorizeUrl, judgeReturn } from "./authorize.ts";
import { awaitBrowser } from "./browser.ts";
import { judgeCall, listTools } from "./call.ts";
import type { Leftover } from "./cleanup.ts";
import { withPort } from "./clients.ts";
import { type Finding, isFatal, problem, type Step, type StepName, skipped } from "./finding.ts";
import type { Journey } from "./replay.ts";
import { judgeRefresh, judgeToken, judgeTokenAnswer, readTokens } from "./tokens.ts";
import { walkPages } from "./walk.ts";
import type { Answer, Ask } from "./wire.ts";
import { expectedResource, type World } from "./world.ts";

/** @param name of the client, for the steps */
export async function* logIn(
  world: World,
  ask: Ask,
  name: string,
  journey: Journey,
  left: Leftover,
): AsyncGenerator<Step> {
  const step = (of: StepName, finding: Finding): Step => ({ client: name, step: of, ...finding });
  const { issuer, rules } = journey.whose;
  const redirectUri = chooseRedirect(world, journey);
  if (typeof redirectUri !== "string") return yield step("login", redirectUri);
  const asking = journey.askingWith(redirectUri);
  const back = await bringBack(world, ask, journey, asking, left);
  if (!(back instanceof URL)) return yield step("login", back);
  const returned = judgeReturn(back, asking, journey.said, rules.at);
  yield step("login", returned);
  if (isFatal(returned)) return;

  const post = (fields: Readonly<Record<string, string>>) => postToken(ask, journey, asking, fields);
  const code = back.searchParams.get("code") ?? "";
  const grant = { grant_type: "authorization_code", code, redirect_uri: redirectUri, code_verifier: asking.verifier };
  const answer = await post(grant);
  const refused = judgeTokenAnswer(answer, rules.at);
  if (refused !== null) return yield step("token", refused);
  let tokens = readTokens(answer);
  if (tokens === null) return;
  left.tokens = tokens;
  const nowMs = Date.parse(answer.headers.date ?? "") || world.now();
  const facts = { issuer, resource: expectedResource(world), clockSkewMs: world.config.identity.clockSkew, nowMs };
  yield step("token", judgeToken(tokens, facts));

  if (tokens.refresh !== null) {
    const refreshed = await post({ grant_type: "refresh_token", refresh_token: tokens.refresh });
    yield step("refresh", judgeRefresh(refreshed, tokens, rules.at));
    const next = readTokens(refreshed);
    if (next !== null) tokens = { ...next, refresh: next.refresh ?? tokens.refresh };
    left.tokens = tokens;
  }
  const called = await listTools(ask, world.url, tokens.access);
  yield step("call", judgeCall(called, world.server, issuer));
}

function chooseRedirect({ consent, port, left }: World, { model }: Journey): string | Finding {
  const all = withPort(model.redirects, port);
  const here = all.find((uri) => isLoopbackHost(URL.parse(uri)?.hostname ?? ""));
  if (consent.kind === "none") {
    return skipped("not tried: --login lets you log in with a browser, --user NAME does it with a password from stdin");
  }
  if (consent.kind === "person") return here ?? all[0] ?? "";
  if (left.some(({ tokens }) => tokens !== null)) return skipped("not tried again: one login is enough");
  return here ?? skipped("its answers go to its own servers: --user NAME can do without them");
}

/** @returns what was brought back to the redirect URI */
async function bringBack(
  { consent, config }: World,
  ask: Ask,
  { said, whose }: Journey,
  asking: Asking,
  left: Leftover,
): Promise<URL | Finding> {
  const start = authorizeUrl(said, asking);
  try {
    if (consent.kind === "browser") return await awaitBrowser(start, asking.redirectUri, consent.say);
    if (consent.kind === "none") return skipped("");
    // A password is for nobody but the gateway.
    if (whose.issuer !== null || new URL(start).origin !== config.publicUrl)
      return skipped("people do not log in at the gateway: --login lets you do it with a browser");
    const { back, session } = await walkPages(ask, start, asking.redirectUri, consent.person, consent.browser);
    left.session = session;
    return back;
  } catch (error) {
    return problem(error instanceof Error ? error.message : String(error));
  }
}

function postToken(
  ask: Ask,
  { said, clientId }: Journey,
  { resource }: Asking,
  fields: Readonly<Record<string, string>>,
): Promise<Answer> {
  const body = new URLSearchParams({ ...fields, client_id: clientId, resource }).toString();
  const headers = { "content-type": "application/x-www-form-urlencoded", accept: "application/json" };
  return ask(String(said.token_endpoint), { method: "POST", headers, body });
}
