import { resourceOf } from "../auth/metadata.ts";
import { createPasswordJudge } from "../auth/users/new-password.ts";
import { createSecondFactors } from "../auth/users/second-factors.ts";
import type { LoginResources } from "../config/login-resources.ts";
import type { Config } from "../config/schema.ts";
import type { House } from "../house.ts";
import { compileGlob } from "../mcp/glob.ts";
import type { Program } from "../policy/compile.ts";
import type { Requirement } from "../policy/require.ts";
import { createVault, type Vault } from "../upstream/vault/vault.ts";
import { createSafeFetch } from "./clients/safe-fetch.ts";
import { type Demand, findDemands } from "./demands.ts";
import type { Desk } from "./desk.ts";
import { createLazyDesk } from "./lazy.ts";
import { createAwayCount, createDelay } from "./login/attempts.ts";
import { createKeyFetch } from "./machines/fetch.ts";
import { guardClients } from "./machines/guard.ts";
import { openMachines } from "./machines/machines.ts";
import { createResources } from "./resources.ts";
import type { AuthorizationOptions } from "./server.ts";

/** The authorization server that a configuration asks for; null where it asks for none. */
export function openDesk(config: Config, policy: Program, house: House): Desk | null {
  const { publicUrl, servers, identity } = config;
  const { builtin, sessions } = identity;
  if (!builtin.enabled || !builtin.login.enabled) return null;
  const { clientHosts, clientSecrets, insideHosts, registration, passwords, providers } = builtin.login;
  const { accessToken, refreshToken, session, sessionIdle } = builtin.login;
  const own = Object.keys(servers).map((name) => ({ resource: resourceOf(publicUrl, name), name }));
  const others = listOthers(builtin.login.resources);
  const names = new Map([...own, ...others].map(({ resource, name }) => [resource, name]));
  const demands = new Map([
    ...own.map(({ resource, name }) => [resource, findDemands(listRequirements(policy, name))] as const),
    ...others.map(({ resource, taken }) => [resource, taken] as const),
  ]);
  const hosts = clientHosts.map(compileGlob);
  const resources = createResources(demands);
  const { keyring, store, users, log, counters, now } = house;
  const options: AuthorizationOptions = {
    ...{ publicUrl, resources, keyring, store, users, log, now, registration, clientSecrets },
    machines: openMachines(config, house),
    secondFactors: createSecondFactors(store, now),
    fetch: createKeyFetch(builtin.login.clients, createSafeFetch(new Set(insideHosts))),
    // Clients register where no document of theirs is taken, and only where none is announced to be.
    documents: hosts.length > 0,
    allowHost: (host) => hosts.some((glob) => glob.matches(host)),
    ttlMs: { accessToken, refreshToken, session, sessionIdle },
    serverOf: (resource) => names.get(resources.canonical(resource) ?? "") ?? resource,
    servers: Object.keys(servers),
    // They open servers of this gateway alone.
    sessionLife: sessions.enabled && own.length > 0 ? { idleMs: sessions.idle, absoluteMs: sessions.absolute } : null,
    delay: createDelay(counters),
    judgePassword: createPasswordJudge(builtin.login.breachedPasswords ?? null),
    vaults: openVaults(servers, publicUrl),
    countAway: createAwayCount(counters),
    proofNonces: identity.dpop.nonce,
    demands: {
      bound: builtin.login.dpopBoundAccessTokens,
      pushed: builtin.login.requirePushedAuthorizationRequests,
    },
    ...{ passwords, providers },
  };
  return guardClients(
    createLazyDesk(() => loadDesk(options)),
    counters,
    // As the counters have it: no clock that is set back makes somebody wait longer.
    () => performance.now(),
  );
}

/** Servers behind other gateways, by what people are told of them: the names are of this gateway's making, so the host is among it. */
function listOthers(resources: LoginResources) {
  return Object.entries(resources).map(([name, { url, scopes }]) => {
    const taken = Object.entries(scopes).map(
      ([scope, { mfa, hardware, maxAge = null }]) =>
        [scope, { mfa, maxAgeMs: maxAge, ...(hardware && { hardware: true as const }) }] as const,
    );
    return { resource: url, name: `${name} at ${new URL(url).host}`, taken: new Map<string, Demand>(taken) };
  });
}

/** The servers at which users log in themselves, by name. */
function openVaults(servers: Config["servers"], publicUrl: string): ReadonlyMap<string, Vault> {
  return new Map(
    Object.entries(servers).flatMap(([name, server]) => {
      const config = server.credentials?.userLogin;
      return config === undefined ? [] : [[name, createVault(name, server, config, publicUrl)]];
    }),
  );
}

/** The library takes a tenth of a second and 20 MB: it is loaded where it is used. */
async function loadDesk(options: AuthorizationOptions): Promise<Desk> {
  // On a Node that it does not know by name the library says so, as plain text.
  const { warn } = console;
  console.warn = () => {};
  const { createAuthorizationServer } = await import("./server.ts").finally(() => {
    console.warn = warn;
  });
  return createAuthorizationServer(options);
}

/** What rules about a server require. */
function listRequirements({ rules }: Program, server: string): Requirement[] {
  return rules.filter(({ servers }) => servers.has(server)).flatMap(({ require }) => require ?? []);
}
