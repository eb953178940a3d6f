/** What a client may be given: which server, and which scopes there. Pure. */
import { isMet, type Login } from "../demands.ts";
import { baseScope, type Resources } from "../resources.ts";
import type { RegisteredClient } from "./registered.ts";

/** The server that is meant, as it stands in tokens; undefined where there is none, or it is not for this client. */
export function findResource(
  resources: Resources,
  client: RegisteredClient | undefined,
  asked: string | undefined,
): string | undefined {
  const own = client?.resources ?? null;
  const named = asked ?? resources.pick(own === null ? undefined : [...own]);
  const resource = named === undefined ? undefined : resources.canonical(named);
  return resource === undefined || own?.has(resource) === false ? undefined : resource;
}

/** Whether a client may have a scope at all. */
export function mayHave(client: RegisteredClient | undefined, scope: string): boolean {
  return scope === baseScope || client?.scopes?.has(scope) !== false;
}

/**
 * Of the scopes that are asked for those that there are, that the client may have, and that the login is good enough for; and the one
 * that every token has.
 */
export function limitScopes(
  resources: Resources,
  client: RegisteredClient | undefined,
  resource: string,
  asked: readonly string[],
  login: Login,
  nowMs: number,
): string[] {
  const offered = new Set(resources.scopesOf(resource));
  const granted = asked.filter(
    (scope) =>
      offered.has(scope) && mayHave(client, scope) && isMet(resources.demandOf(resource, [scope]), login, nowMs),
  );
  return [...new Set([baseScope, ...granted])];
}
