/** Where people may log in other than at the gateway itself, as one configuration has it. */
import type { Account } from "../../auth/users/directory.ts";
import type { LoginProvider } from "../../config/login-providers.ts";
import type { Store } from "../../state/store.ts";
import { findFederated } from "./accounts.ts";
import { createProviderFetch } from "./bounded-fetch.ts";
import { type Connection, createConnection } from "./connection.ts";
import { type ProviderSettings, readSettings } from "./settings.ts";

export interface FederatedProvider {
  readonly settings: ProviderSettings;
  readonly connection: Connection;
}

export interface Federation {
  find(name: string): FederatedProvider | undefined;
  /** In the order of the configuration. */
  readonly providers: readonly FederatedProvider[];
  findAccount(name: string): Promise<Account | null>;
}

/** @param now milliseconds since the epoch */
export function createFederation(
  providers: Readonly<Record<string, LoginProvider>>,
  publicUrl: string,
  store: Pick<Store, "get">,
  now: () => number,
): Federation {
  const fetch = createProviderFetch();
  const all = new Map(
    Object.entries(providers).map(([name, config]) => {
      const settings = readSettings(name, config, publicUrl);
      return [name, { settings, connection: createConnection(settings, fetch, now) }] as const;
    }),
  );
  const settings = new Map([...all].map(([name, provider]) => [name, provider.settings]));
  return {
    find: (name) => all.get(name),
    providers: [...all.values()],
    findAccount: (name) => findFederated(store, name, settings),
  };
}
