/** The identity stage of a gateway alone: what it is made of in the gateway, with nothing before or behind it. */
import { hash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { ApiKey } from "../../src/auth/api-keys/api-key.ts";
import { createApiKeyBook } from "../../src/auth/api-keys/book.ts";
import { drawApiKey } from "../../src/auth/api-keys/key-text.ts";
import { createKeyShelf } from "../../src/auth/keyshelf.ts";
import { createProofMemory } from "../../src/auth/proof-memory.ts";
import { createRevocationBook } from "../../src/auth/revocations.ts";
import { configSchema } from "../../src/config/schema.ts";
import { openKeyring } from "../../src/crypto/keyring.ts";
import type { Arrival, Identity, McpRoute, Peer } from "../../src/facts.ts";
import type { House } from "../../src/house.ts";
import { openIdentification } from "../../src/identification.ts";
import { identify } from "../../src/stages/identity.ts";
import type { Store } from "../../src/state/store.ts";
import type { Issuer } from "../issuer.ts";

/** The stage, and a proof of each sort that it knows. */
export interface Stage {
  /** @throws Denial as the stage does */
  identify(bearer: string): Promise<Identity>;
  readonly apiKey: string;
  readonly opaque: string;
  close(): void;
}

const route = { kind: "mcp", door: "none", server: "bench", resource: "https://gateway.invalid/bench/mcp" } as McpRoute;
const peer = { ip: "127.0.0.1", proxied: false } as Peer;

/** @param directory where a key ring may be made */
export async function openStage(issuer: Issuer, directory: string): Promise<Stage> {
  const endpoint = await listen(issuer);
  const config = configSchema.parse({
    version: 1,
    publicUrl: "https://gateway.invalid",
    identity: {
      apiKeys: { enabled: true },
      issuers: {
        bench: {
          issuer: issuer.url,
          jwks: issuer.jwks,
          audience: [issuer.audience],
          introspection: { url: endpoint.url, clientId: "bench", clientSecret: "bench", maxAge: "5m" },
        },
      },
    },
    servers: { bench: { url: "http://127.0.0.1:1/mcp" } },
    policies: ["none.yaml"],
  });
  const { id, secret, text: apiKey } = drawApiKey(randomBytes);
  const known: ApiKey = {
    id,
    digest: hash("sha256", secret, "base64url"),
    subject: "machine",
    groups: ["readers"],
    scopes: [],
    servers: null,
    from: null,
    createdAtMs: Date.now(),
    expiresAtMs: null,
    revokedAtMs: null,
  };
  const now = Date.now;
  const store = { list: async () => [{ key: "bench", value: known, revision: 1 }] } as unknown as Store;
  const apiKeys = createApiKeyBook(
    store,
    now,
    () => {},
    () => {},
  );
  await apiKeys.load();
  const house: Pick<House, "keys" | "apiKeys" | "revocations" | "keyring" | "proofs" | "now"> = {
    keys: createKeyShelf(
      directory,
      now,
      () => {},
      (_issuer, detail) => {
        throw new Error(detail);
      },
    ),
    apiKeys,
    revocations: createRevocationBook({ list: async () => [] }),
    keyring: await openKeyring(directory, { now, sessionLifetimeMs: 3_600_000 }),
    proofs: createProofMemory(1_000, 60_000, now),
    now,
  };
  const { rules, prime } = openIdentification(config, house as House);
  await prime();
  return {
    identify(bearer) {
      const headers = new Map([["authorization", `Bearer ${bearer}`]]);
      return identify(rules, { headers, certificate: null, leaving: null } as unknown as Arrival, peer, route);
    },
    apiKey,
    opaque: endpoint.token,
    close: endpoint.close,
  };
}

/** An issuer that knows one opaque token. */
async function listen({ url, audience }: Issuer) {
  const token = randomBytes(32).toString("hex");
  const server = createServer(async (request, response) => {
    const active = new URLSearchParams(await text(request)).get("token") === token;
    const said = { iss: url, sub: "opaque", aud: audience, exp: Math.floor(Date.now() / 1_000) + 3_600 };
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(active ? { active, ...said } : { active }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/introspect`, token, close: () => void server.close() };
}
