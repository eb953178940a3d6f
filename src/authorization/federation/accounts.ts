/** People who log in at other providers, as they were at their last login. No password, no token of the provider, nothing to get in with. */
import { z } from "zod";
import type { Account } from "../../auth/users/directory.ts";
import type { Kind, Store } from "../../state/store.ts";
import { dropLogins } from "../../upstream/vault/logins.ts";

const accountSchema = z.strictObject({
  /** Name of the provider, and its issuer at the time. */
  provider: z.string(),
  issuer: z.string(),
  /** Groups of the provider, of those that were mapped. */
  groups: z.array(z.string()),
  email: z.string().nullable(),
  disabled: z.boolean(),
  createdAtMs: z.number(),
  loggedInAtMs: z.number(),
});
export type FederatedAccount = z.output<typeof accountSchema>;

/** By {@link nameAccount}. */
export const federatedAccounts: Kind<FederatedAccount> = { name: "federated-account", schema: accountSchema };

/** What is between the provider and the subject. No user of the gateway's own has it in their name (auth/users/user.ts), so no two are ever one. */
const separator = ":";

/** The subject of somebody's tokens. Names of providers have no colon: the first one ends them. */
export function nameAccount(provider: string, subject: string): string {
  return `${provider}${separator}${subject}`;
}

/** Whether a name is one of somebody who logs in elsewhere. */
export function isFederated(name: string): boolean {
  return name.includes(separator);
}

/** What an account is read with, of the configuration as it is now. */
export interface AccountProvider {
  readonly issuer: string;
  readonly groups: ReadonlyMap<string, readonly string[]>;
}

/**
 * An account that may be used; null where it is disabled or gone, or its provider is, or has become another. Groups are those of the last
 * login, by the mapping of now: what is taken out of it is gone with the next token.
 */
export async function findFederated(
  store: Pick<Store, "get">,
  name: string,
  providers: ReadonlyMap<string, AccountProvider>,
): Promise<Account | null> {
  const person = await findPerson(store, name);
  const groups = person === null ? null : mapGroups(person, providers);
  if (person === null || groups === null) return null;
  const { email } = person;
  // What ends somebody's logins ends each of them by name (revoke.ts): their time is the provider's, not ours.
  return { name, groups, loginsFrom: 0, ...(email !== null && { email }) };
}

/** Somebody who may come in, whatever the configuration says of their provider; null for anybody else. */
export async function findPerson(store: Pick<Store, "get">, name: string): Promise<FederatedAccount | null> {
  const found = (await store.get(federatedAccounts, name))?.value;
  return found === undefined || found.disabled ? null : found;
}

/** Groups of somebody as their provider calls them. */
interface ProvidedGroups {
  readonly provider: string;
  readonly issuer: string;
  readonly groups: readonly string[];
}

/** Groups as policies know them; null where the provider is there no more, or has become another. */
export function mapGroups(
  { provider: name, issuer, groups }: ProvidedGroups,
  providers: ReadonlyMap<string, AccountProvider>,
): readonly string[] | null {
  const provider = providers.get(name);
  if (provider === undefined || provider.issuer !== issuer) return null;
  return [...new Set(groups.flatMap((group) => provider.groups.get(group) ?? []))];
}

/**
 * Whether somebody may come in for whom an identity provider speaks: whoever was not disabled here (`sallyport user disable`). Who has never
 * logged in was not. Where it was somebody of another issuer who logged in by the name, what they have at servers is not for this person.
 */
export async function admitAsserted(
  store: Pick<Store, "get" | "list" | "put" | "delete">,
  name: string,
  issuer: string,
): Promise<boolean> {
  const found = await store.get(federatedAccounts, name);
  if (found === null) return true;
  if (found.value.issuer !== issuer) await dropLogins(store, { issuer: "builtin", subject: name });
  return !found.value.disabled;
}

/**
 * Remembers a login.
 *
 * @param renewed called where the account is one of another issuer: a stranger to whoever had it, who gets nothing that was theirs
 * @returns false where the account is disabled
 */
export async function rememberLogin(
  store: Pick<Store, "get" | "put">,
  name: string,
  login: Pick<FederatedAccount, "provider" | "issuer" | "groups" | "email">,
  nowMs: number,
  renewed: () => Promise<void>,
): Promise<boolean> {
  for (;;) {
    const found = await store.get(federatedAccounts, name);
    if (found?.value.disabled === true) return false;
    const isOther = found !== null && found.value.issuer !== login.issuer;
    if (isOther) await renewed();
    const createdAtMs = found === null || isOther ? nowMs : found.value.createdAtMs;
    const account = { ...login, disabled: false, createdAtMs, loggedInAtMs: nowMs };
    // Somebody may be disabled in this very moment.
    if ((await store.put(federatedAccounts, name, account, { expected: found?.revision ?? 0 })) !== null) return true;
  }
}
