import { resourceOf } from "../auth/metadata.ts";
import type { Config } from "../config/schema.ts";
import type { House } from "../house.ts";
import { compileGlob } from "../mcp/glob.ts";
import { limitKey } from "../network/cidr.ts";
import type { Program } from "../policy/compile.ts";
import type { Desk } from "./desk.ts";
import { serves } from "./paths.ts";
import { createResources } from "./resources.ts";
import { createSafeFetch } from "./safe-fetch.ts";
import type { AuthorizationOptions } from "./server.ts";

/** How often a user name may be tried from an address, and how often any may. */
const perUser = { requests: 10, windowMs: 300_000, onFailure: "local" } as const;
const perAddress = { requests: 50, windowMs: 300_000, onFailure: "local" } as const;

/** The authorization server that a configuration asks for; null where it asks for none. */
export function openDesk({ publicUrl, servers, identity }: Config, policy: Program, house: House): Desk | null {
  const { builtin } = identity;
  if (!builtin.enabled || !builtin.login.enabled) return null;
  const { clientHosts, insideHosts, registration, accessToken, refreshToken, session } = builtin.login;
  const names = new Map(Object.keys(servers).map((name) => [resourceOf(publicUrl, name), name]));
  const scopes = new Map([...names].map(([resource, name]) => [resource, listScopes(policy, name)]));
  const hosts = clientHosts.map(compileGlob);
  const resources = createResources(scopes);
  const { keyring, store, users, log, counters, now } = house;
  return createLazyDesk({
    ...{ publicUrl, resources, keyring, store, users, log, now, registration },
    fetch: createSafeFetch(new Set(insideHosts)),
    allowHost: (host) => hosts.some((glob) => glob.matches(host)),
    ttlMs: { accessToken, refreshToken, session },
    serverOf: (resource) => names.get(resources.canonical(resource) ?? "") ?? resource,
    async delay(user, ip) {
      const place = limitKey(ip);
      const waits = [
        await counters.count("login-address", perAddress, place),
        await counters.count("login-user", perUser, JSON.stringify([user, place])),
      ];
      return waits.find((wait) => wait !== null) ?? null;
    },
  });
}

/** The library takes a tenth of a second and 20 MB: it is loaded when somebody asks for the first time. */
function createLazyDesk(options: AuthorizationOptions): Desk {
  let desk: Promise<Desk> | null = null;
  const load = async () => {
    // On a Node that it does not know by name the library says so, as plain text.
    const { warn } = console;
    console.warn = () => {};
    const { createAuthorizationServer } = await import("./server.ts").finally(() => {
      console.warn = warn;
    });
    return createAuthorizationServer(options);
  };
  return {
    serves,
    async answer(request) {
      desk ??= load();
      return (await desk).answer(request);
    },
  };
}

/** Scopes that rules about a server require. */
function listScopes({ rules }: Program, server: string): string[] {
  const required = rules.filter(({ servers }) => servers.has(server)).flatMap(({ require }) => require?.scopes ?? []);
  return [...new Set(required)].toSorted();
}
