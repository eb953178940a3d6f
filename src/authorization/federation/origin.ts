/** The login at a provider that a browser's login here began with, and whether it is over there. No library is needed for it. */
import type { KoaContextWithOIDC } from "oidc-provider";
import { z } from "zod";
import { handleOf, revocations } from "../../auth/revocations.ts";
import type { Kind, Store } from "../../state/store.ts";
import { accountClientId } from "../account/client.ts";

const originSchema = z.object({
  /** Name of the provider. */
  provider: z.string(),
  /** `sub` of the ID token, whatever the person is called here. */
  sub: z.string(),
  /** `sid` of it; null where the provider names no session. */
  sid: z.string().nullable(),
  /** When the browser came back from there, in seconds since the epoch. */
  cameBackAt: z.number(),
  /** What {@link findRevokedAt} said by then: later than that, where a clock was ahead. */
  revokedAtMs: z.number().nullable().default(null),
});
export type Origin = z.output<typeof originSchema>;

/** Keeps with a browser's login where it is from. Of what is not its own, the library keeps what stands at a client, and the gateway is one. */
export function keepOrigin({ oidc: { session, result } }: KoaContextWithOIDC): void {
  const { origin } = (result?.login ?? {}) as { readonly origin?: unknown };
  if (origin === undefined || session === undefined) return;
  session.authorizations ??= {};
  Object.assign(session.authorizationFor(accountClientId), { origin });
}

/** @param authorizations of a session as it is kept */
export function readOrigin(authorizations: unknown): Origin | null {
  const { [accountClientId]: own } = (authorizations ?? {}) as Readonly<Record<string, { readonly origin?: unknown }>>;
  return originSchema.safeParse(own?.origin).data ?? null;
}

/** When somebody has logged out at a provider, by {@link namesOf}. What is under way as well: a login whose code was redeemed before is over. */
export const loggedOut: Kind<{ readonly atMs: number }> = {
  name: "provider-logout",
  schema: z.strictObject({ atMs: z.number() }),
};

/**
 * By what a logout can name a login: its session, with whose it is or without; all logins of a person; and those of a person that have no
 * session by name, for a provider that names sessions only when they end. JSON keeps the parts apart.
 */
function namesOf({ provider, sub, sid }: Pick<Origin, "provider" | "sub" | "sid">) {
  const all = nameOf(provider, "sub", sub);
  if (sid === null) return { session: [], person: [all, nameOf(provider, "unnamed", sub)] };
  return { session: [nameOf(provider, "sid", sid, sub), nameOf(provider, "sid", sid, null)], person: [all] };
}

function nameOf(provider: string, ...parts: readonly (string | null)[]): string {
  return JSON.stringify([provider, ...parts]);
}

/**
 * Remembers that somebody has logged out at a provider.
 *
 * @param keptMs longer than any login here lasts
 */
export async function endOrigin(
  store: Pick<Store, "put">,
  provider: string,
  { sub, sid }: { readonly sub: string | null; readonly sid: string | null },
  nowMs: number,
  keptMs: number,
): Promise<void> {
  const names = [sid === null ? nameOf(provider, "sub", sub) : nameOf(provider, "sid", sid, sub)];
  if (sid !== null && sub !== null) names.push(nameOf(provider, "unnamed", sub));
  for (const name of names) await store.put(loggedOut, name, { atMs: nowMs }, { expiresAtMs: nowMs + keptMs });
}

/**
 * Whether a login is over where it was made. A session there does not begin anew by the same name; of a person it is what was before.
 *
 * @param atOf when somebody has logged out by a name, in milliseconds since the epoch
 */
function isOver(origin: Origin, atOf: (name: string) => number | undefined): boolean {
  const { session, person } = namesOf(origin);
  const sinceMs = origin.cameBackAt * 1_000;
  return session.some((name) => atOf(name) !== undefined) || person.some((name) => (atOf(name) ?? -1) >= sinceMs);
}

/**
 * When all that somebody had was ended last (`revoke user`), in milliseconds since the epoch: their logins of before as well, at whichever step
 * they were. Of users of the gateway's own their account says so (`loginsFrom`).
 */
export async function findRevokedAt(store: Pick<Store, "get">, account: string): Promise<number | null> {
  const found = await store.get(revocations, handleOf({ kind: "user", issuer: "builtin", subject: account }));
  return found?.value.atMs ?? null;
}

/** Looks one login up. @param account whose it is */
export async function isOriginOver(store: Pick<Store, "get">, origin: Origin, account: string): Promise<boolean> {
  const revokedAtMs = await findRevokedAt(store, account);
  // One that was there already is of logins before, whatever the clock said.
  const isNew = revokedAtMs !== null && revokedAtMs !== origin.revokedAtMs;
  if (isNew && origin.cameBackAt * 1_000 <= revokedAtMs) return true;
  const { session, person } = namesOf(origin);
  const names = [...session, ...person];
  const found = await Promise.all(names.map((name) => store.get(loggedOut, name)));
  const at = new Map(names.map((name, index) => [name, found[index]?.value.atMs]));
  return isOver(origin, (name) => at.get(name));
}

/** Whether a login that a browser is about to go on from is over by then, before there is a session to tell. */
export async function isResultOver(
  store: Pick<Store, "get">,
  { result }: Pick<KoaContextWithOIDC["oidc"], "result">,
): Promise<boolean> {
  const { origin, accountId = "" } = (result?.login ?? {}) as {
    readonly origin?: unknown;
    readonly accountId?: string;
  };
  const { data } = originSchema.safeParse(origin);
  return data !== undefined && isOriginOver(store, data, accountId);
}

/** What tells of many logins whether each is over. */
export async function readLoggedOut(store: Pick<Store, "list">): Promise<(origin: Origin) => boolean> {
  const at = new Map((await store.list(loggedOut)).map(({ key, value }) => [key, value.atMs]));
  return (origin) => isOver(origin, (name) => at.get(name));
}
