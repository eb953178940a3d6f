import { compileRecording, type Recording } from "./audit/recording.ts";
import { metadataPath, protectedResourceMetadata, resourceOf, rootMetadataPath, rootServer } from "./auth/metadata.ts";
import type { Desk } from "./authorization/desk.ts";
import { listAssertionDemands } from "./authorization/machines/machines.ts";
import { openDesk } from "./authorization/open.ts";
import { baseScope } from "./authorization/resources.ts";
import type { LoadedConfig } from "./config/load.ts";
import type { Config } from "./config/schema.ts";
import type { Identity } from "./facts.ts";
import type { House } from "./house.ts";
import { type Identification, openIdentification } from "./identification.ts";
import type { OpenCalls } from "./limits/calls.ts";
import type { Limit } from "./limits/leases.ts";
import { compileGlob } from "./mcp/glob.ts";
import { createAddressSet, readCidr } from "./network/cidr.ts";
import { isLoopbackHost } from "./network/url.ts";
import type { Program } from "./policy/compile.ts";
import { type View, viewOf } from "./policy/evaluate.ts";
import type { ResponseKit } from "./relay/exchange.ts";
import type { Limits } from "./stages/limits.ts";
import type { MessageLimits } from "./stages/message.ts";
import type { PeerRules } from "./stages/peer.ts";
import type { PolicyBook } from "./stages/policy.ts";
import type { RouteTable } from "./stages/route.ts";
import type { Upstreams } from "./stages/server.ts";
import type { SessionRules } from "./stages/session.ts";
import { assertionKeysPath } from "./upstream/credentials/assertion.ts";
import type { UpstreamShelf } from "./upstream/shelf.ts";
import { clientDocument, documentPathOf } from "./upstream/vault/client-document.ts";

/** One configuration, compiled: what each room of the corridor needs. A reload builds a new one and swaps the reference. */
export interface Gateway extends Pick<Identification, "demands" | "issuers" | "prime"> {
  readonly config: Config;
  readonly hash: string;
  /** Hash of everything but the policies. */
  readonly settings: string;
  readonly recording: Recording;
  readonly peers: PeerRules;
  readonly routes: RouteTable;
  readonly limits: Limits;
  readonly identity: Identification["rules"];
  readonly reading: MessageLimits;
  readonly sessions: SessionRules & ResponseKit & { readonly calls: OpenCalls; readonly finishMs: number };
  readonly policy: PolicyBook;
  readonly upstreams: Upstreams;
}

const defaultAllow = ["127.0.0.0/8", "::1/128"];

/** Composes a gateway from a configuration that was found sound. Connects to nothing yet. */
export function buildGateway({ config, policy, hash, settings }: LoadedConfig, house: House): Gateway {
  const identification = openIdentification(config, house);
  const upstreams = findUpstreams(config, house.upstreams);
  return {
    config,
    hash,
    settings,
    recording: compileRecording(config, policy.hash),
    peers: compilePeers(config),
    routes: compileRoutes(config, house, openDesk(config, policy, house)),
    limits: compileLimits(config, house),
    identity: identification.rules,
    reading: {
      maxBytes: config.listen.maxBody,
      maxDepth: config.listen.maxDepth,
      bodyTimeoutMs: config.listen.bodyTimeout,
    },
    sessions: {
      sealer: house.keyring,
      fingerprint: house.keyring.fingerprint,
      tasks: house.tasks,
      ended: house.ended,
      answered: house.answered,
      isRevoked: house.revocations.isSessionRevoked,
      standing: house.standing,
      doors: house.doors,
      calls: house.calls,
      lifetimeMs: config.sessions.lifetime,
      finishMs: config.listen.drainTimeout,
      now: house.now,
    },
    policy: createPolicyBook(policy, upstreams, house.now),
    upstreams,
    demands: [...identification.demands, ...listAssertionDemands(config)],
    issuers: identification.issuers,
    prime: identification.prime,
  };
}

function compilePeers({ network }: Config): PeerRules {
  const loopback = defaultAllow.map(readCidr).filter((cidr) => cidr !== undefined);
  return {
    allow: createAddressSet(network.allow ?? loopback),
    deny: createAddressSet(network.deny),
    trustedProxies: createAddressSet(network.trustedProxies),
  };
}

function compileRoutes(config: Config, { station, keyring }: House, desk: Desk | null): RouteTable {
  const { publicUrl, listen, network, servers, identity } = config;
  const names = Object.keys(servers);
  const issuers = [...(desk === null ? [] : [{ issuer: publicUrl }]), ...Object.values(identity.issuers)];
  const scopes = desk === null ? [] : [baseScope];
  const entries = names.map((server) => ({
    server,
    resource: resourceOf(publicUrl, server),
    metadataUrl: `${publicUrl}${metadataPath(server)}`,
  }));
  const binding = { key: issuers.length > 0, certificate: listen.tls?.clientCa !== undefined };
  const facts = { publicUrl, issuers, scopes, binding };
  const documents = new Map(
    names.map((server) => [server, JSON.stringify(protectedResourceMetadata({ ...facts, server }))]),
  );
  const metadata = new Map([...documents].map(([server, document]) => [metadataPath(server), () => document]));
  const root = documents.get(rootServer(names) ?? "");
  if (root !== undefined) metadata.set(rootMetadataPath, () => root);
  if (Object.values(servers).some(({ credentials }) => credentials?.assertion !== undefined)) {
    metadata.set(assertionKeysPath, () => JSON.stringify(keyring.publicJwks()));
  }
  for (const [name, { credentials }] of Object.entries(servers)) {
    if (credentials?.userLogin !== undefined) metadata.set(documentPathOf(name), () => clientDocument(publicUrl, name));
  }
  return {
    hosts: ownHosts(publicUrl, listen.address.host, listen.hosts),
    origins: new Set([publicUrl, ...network.origins]),
    servers: new Map(entries.map((entry) => [entry.server, entry])),
    metadata,
    desk,
    doors: station.of === 1,
  };
}

/** Every name under which this machine is meant; on loopback all of its names are. */
function ownHosts(publicUrl: string, host: string, extra: readonly string[]): ReadonlySet<string> {
  const own = new URL(publicUrl).hostname;
  const address = host.includes(":") ? `[${host}]` : host;
  const loopback = isLoopbackHost(host) ? ["localhost", "127.0.0.1", "[::1]"] : [];
  return new Set([own, address, ...loopback, ...extra].map((name) => name.toLowerCase()));
}

function compileLimits({ limits }: Config, { counters, bans }: House): Limits {
  const { address, identity, tools } = limits;
  return {
    ...{ counters, bans },
    address: readLimit(address),
    identity: {
      ...readLimit(identity),
      concurrent: identity.concurrent,
      streams: identity.streams,
    },
    tools: tools.map((entry) => ({
      name: `tool:${JSON.stringify([entry.server, entry.tools])}`,
      server: entry.server,
      tools: entry.tools.map(compileGlob),
      ...readLimit(entry),
      concurrent: entry.concurrent,
    })),
  };
}

function readLimit({ requests, window, onFailure }: Config["limits"]["address"]): Limit {
  return { requests, windowMs: window, onFailure };
}

/** Views are kept by identity object: the token cache gives the same one for the same token, and lets go of it in time. */
function createPolicyBook(program: Program, upstreams: Upstreams, now: () => number): PolicyBook {
  const views = new WeakMap<Identity, Map<string, View>>();
  return {
    hash: program.hash,
    viewOf(identity, server) {
      const known = views.get(identity) ?? new Map<string, View>();
      views.set(identity, known);
      const found = known.get(server) ?? viewOf(program, identity, server);
      known.set(server, found);
      return found;
    },
    standpointOf({ ip }, route) {
      const { lists } = upstreams.of(route);
      return { ip, now, annotationsOf: (tool) => lists.annotationsOf(tool, now()) };
    },
  };
}

function findUpstreams({ servers, publicUrl }: Config, shelf: UpstreamShelf): Upstreams {
  const upstreams = new Map(Object.entries(servers).map(([name, config]) => [name, shelf.of(name, config, publicUrl)]));
  return {
    of({ server }) {
      const upstream = upstreams.get(server);
      if (upstream === undefined) throw new Error("a route leads to a server that is not configured");
      return upstream;
    },
    all: () => upstreams.values(),
  };
}
