/** A provider tells that somebody has logged out there (OpenID Connect Back-Channel Logout 1.0): browsers are logged out here as well. */
import { z } from "zod";
import type { Kind, Store } from "../../state/store.ts";
import { nameFailure, type PageKit, type PageVisit, refuseMethod } from "../visit.ts";
import { nameAccount } from "./accounts.ts";
import { FederationFailure } from "./failure.ts";
import type { FederatedProvider } from "./federation.ts";
import { type LoggedOut, LogoutRefused, readLogoutToken } from "./logout-token.ts";
import { endOrigin } from "./origin.ts";

/** `jti` of what was taken, by provider. */
const takenTokens: Kind<boolean> = { name: "logout-token", schema: z.boolean() };

/** Beside what a login here lasts, in milliseconds: somebody may be on the way back from there, or on our pages. */
const slackMs = 86_400_000;

/** Answers at the path that ends in the name of a provider: 200 where the logins are over, and 400 where not, as the standard has it. */
export async function serveLogout(kit: PageKit, visit: PageVisit & { readonly name: string }): Promise<void> {
  const { request, note, name } = visit;
  note.action = "provider-logout";
  if (request.method !== "POST") return refuseMethod(visit.response, note, "POST");
  const provider = kit.federation.find(name);
  const refuse = (reason: string, error: string, detail: string) => {
    Object.assign(note, { successful: false, reason });
    reply(visit, 400, { error, error_description: detail });
  };
  if (provider === undefined) return refuse("provider_unknown", "invalid_request", "there is no provider of this name");
  note.provider = name;
  try {
    const text = readForm(visit);
    const rules = await provider.connection.logoutRules();
    const ended = await readLogoutToken(text, rules, kit.now());
    await end(kit, provider, ended, note);
    note.successful = true;
    reply(visit, 200, null);
  } catch (error) {
    if (error instanceof LogoutRefused) return refuse(error.reason, "invalid_request", error.message);
    const isProvider = error instanceof FederationFailure;
    if (!isProvider) kit.report(error as Error);
    const reason = isProvider ? error.reason : nameFailure(error);
    refuse(reason, "temporarily_unavailable", "it cannot be verified at the moment");
  }
}

/** @throws LogoutRefused `logout_malformed` */
function readForm({ request, body }: PageVisit): string {
  const type = request.headers["content-type"]?.split(";", 1)[0]?.trim().toLowerCase();
  const [token, ...others] = new URLSearchParams(body.toString("utf8")).getAll("logout_token");
  if (type === "application/x-www-form-urlencoded" && token !== undefined && others.length === 0) return token;
  throw new LogoutRefused("logout_malformed", "expected a form with one logout_token");
}

/**
 * Is known to have been taken only once it has had its effect, so that a provider can try again where something is away; of one that comes
 * twice at once the effect is one.
 *
 * @throws LogoutRefused `logout_replayed`
 */
async function end(
  { store, now, ttlMs }: PageKit,
  { settings: { name, rules } }: FederatedProvider,
  { sub, sid, jti, untilMs }: LoggedOut,
  note: PageVisit["note"],
): Promise<void> {
  const isSubject = rules.subject.join("/") === "sub" && !rules.perTenant;
  if (sub !== null && isSubject) note.user = nameAccount(name, sub);
  const key = JSON.stringify([name, jti]);
  if ((await store.get(takenTokens, key)) !== null) throw replayed();
  await endOrigin(store, name, { sub, sid }, now(), ttlMs.session + slackMs);
  if (!(await take(store, key, untilMs))) throw replayed();
}

async function take(store: Pick<Store, "put">, key: string, untilMs: number): Promise<boolean> {
  return (await store.put(takenTokens, key, true, { expiresAtMs: untilMs, expected: 0 })) !== null;
}

function replayed(): LogoutRefused {
  return new LogoutRefused("logout_replayed", "it was used before");
}

function reply({ response }: PageVisit, status: number, said: object | null): void {
  const headers = { "cache-control": "no-store", ...(said !== null && { "content-type": "application/json" }) };
  response.writeHead(status, headers).end(said === null ? undefined : JSON.stringify(said));
}
