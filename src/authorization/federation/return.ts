/** A provider sends somebody back. */
import { errors } from "oidc-provider";
import { isOwn } from "../account/client.ts";
import { isByKey, mfaContext, undatedSeconds } from "../demands.ts";
import { revoke } from "../grants/revoke.ts";
import { leaveOthers, leaveSession } from "../login/finish.ts";
import { pagesPath } from "../paths.ts";
import { type Details, type PageKit, type PageVisit, refuseMethod, send, sendFailure } from "../visit.ts";
import { nameAccount, rememberLogin } from "./accounts.ts";
import { type Departure, findBrowser, takeDeparture } from "./away.ts";
import { FederationFailure } from "./failure.ts";
import type { FederatedProvider } from "./federation.ts";
import { findRevokedAt, type Origin } from "./origin.ts";
import { renderFailure } from "./pages.ts";
import { type Person, readPerson } from "./person.ts";
import { checkRecent, settleForReturn } from "./wanted.ts";

/** How a person learns that it is not for them to mend. */
const hint = "If it happens again, the operator of the gateway finds the reason in its log.";

/** Answers whoever comes back, at the path that ends in the name of a provider. */
export async function serveReturn(kit: PageKit, visit: PageVisit & { readonly name: string }): Promise<void> {
  const { request, response, note, name } = visit;
  note.action = "login-return";
  let back: string | null = null;
  try {
    if (request.method !== "GET") return refuseMethod(response, note, "GET");
    const provider = kit.federation.find(name);
    if (provider === undefined) throw new FederationFailure("return_unknown", "there is no provider of this name");
    note.provider = name;
    const answer = new URL(request.url ?? "", kit.publicUrl);
    const state = answer.searchParams.get("state");
    const departure = await takeDeparture(kit.store, state, name, findBrowser(request.headers.cookie));
    const details = await kit.provider.Interaction.find(departure.uid);
    if (details === undefined || details.result !== undefined)
      throw new errors.SessionNotFound("of a login that is over");
    note.client = String(details.params.client_id);
    back = `${pagesPath}/${departure.uid}`;
    await receive(kit, visit, provider, departure, details, answer);
  } catch (error) {
    if (error instanceof FederationFailure) {
      Object.assign(note, { successful: false, reason: error.reason });
      kit.providerFailed(note.provider ?? "", error);
      return send(response, statusOf(error), renderFailure(error.text, hint, back), []);
    }
    if (!(error instanceof errors.SessionNotFound)) return sendFailure(kit, visit, error);
    Object.assign(note, { successful: false, reason: "login_gone" });
    const text = "This login has ended. Go back to the client and connect again.";
    send(response, 400, renderFailure(text, hint, null), []);
  }
}

async function receive(
  kit: PageKit,
  visit: PageVisit,
  { settings, connection }: FederatedProvider,
  departure: Departure,
  details: Details,
  answer: URL,
): Promise<void> {
  const { response, note } = visit;
  const { nonce, verifier, wanted, startedMs, browser } = departure;
  const state = checkWhole(answer);
  const claims = await connection.redeem(answer, { state, nonce, verifier });
  const person = readPerson(claims, settings.rules);
  const user = nameAccount(settings.name, person.subject);
  note.user = user;
  const isUndated = person.authTime === null && isOwn(details);
  const least = isUndated ? settleForReturn(wanted, settings.profile) : wanted;
  checkRecent(least, person.authTime, startedMs, kit.now());
  const lacks =
    wanted.mfa && person.acr !== mfaContext ? "a second factor" : isByKey(wanted, person) ? null : "a key in hardware";
  if (lacks !== null) {
    Object.assign(note, { successful: false, reason: "factor_missing" });
    const error_description = `this takes ${lacks}, and ${settings.label} did not say that there was one`;
    return finish(response, details, { error: "unmet_authentication_requirements", error_description }, kit.now());
  }
  await remember(kit, settings, user, person, details);
  await leaveOthers(kit.provider, visit, details, user);
  const { acr, amr, authTime } = person;
  const cameBackAt = Math.floor(kit.now() / 1_000);
  const ts = authTime === null ? undatedSeconds : Math.min(authTime, cameBackAt);
  const proof = { ...(acr !== undefined && { acr }), ...(amr !== undefined && { amr: [...amr] }) };
  note.successful = true;
  const revokedAtMs = await findRevokedAt(kit.store, user);
  const origin = { ...readLogin(settings.name, claims), cameBackAt, revokedAtMs };
  const login = { accountId: user, ...proof, ts, remember: true, cameBackAt, origin, browser };
  await finish(response, details, { login }, kit.now());
}

/** What the provider will call this login when it is over. */
function readLogin(
  provider: string,
  { sub, sid }: Readonly<Record<string, unknown>>,
): Pick<Origin, "provider" | "sub" | "sid"> {
  return { provider, sub: String(sub), sid: typeof sid === "string" && sid !== "" ? sid : null };
}

/**
 * What is missing or said twice is no answer; the library would trade whichever it finds first.
 *
 * @throws FederationFailure `return_cut`
 */
function checkWhole({ searchParams }: URL): string {
  const twice = ["state", "code", "error", "iss"].find((name) => searchParams.getAll(name).length > 1);
  if (twice !== undefined) throw new FederationFailure("return_cut", `the answer says ${twice} twice`);
  const [state, code, error] = ["state", "code", "error"].map((name) => searchParams.get(name) ?? "");
  if (!code === !error)
    throw new FederationFailure("return_cut", "the answer has neither a code nor an error, or both");
  return state ?? "";
}

/** @throws FederationFailure `account_disabled` */
async function remember(
  { store, now, provider }: PageKit,
  { name, issuer }: FederatedProvider["settings"],
  user: string,
  { groups, email }: Person,
  details: Details,
): Promise<void> {
  const login = { provider: name, issuer, groups: [...groups], email };
  const revoker = { by: "authorization server", reason: `${name} has another issuer`, nowMs: now() };
  const renewed = async () => {
    await revoke(store, { kind: "user", issuer: "builtin", subject: user }, revoker);
    if (details.session !== undefined) await leaveSession(provider, details);
  };
  if (await rememberLogin(store, user, login, now(), renewed)) return;
  throw new FederationFailure("account_disabled", "the account is disabled (`sallyport user enable`)");
}

/**
 * As the library's own `interactionFinished`, which knows a login by a cookie of its page, and this is another page. Nothing is left of a
 * login before in the same request.
 */
async function finish(
  response: PageVisit["response"],
  details: Details,
  result: NonNullable<Details["result"]>,
  nowMs: number,
): Promise<void> {
  details.result = result;
  await details.save(details.exp - Math.floor(nowMs / 1_000));
  response.writeHead(303, { location: details.returnTo }).end();
}

function statusOf({ reason }: FederationFailure): number {
  if (reason === "provider_unavailable" || reason === "provider_unfit" || reason === "provider_refused") return 502;
  return reason === "person_refused" || reason === "account_disabled" || reason === "provider_denied" ? 403 : 400;
}
