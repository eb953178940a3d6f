import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { listen } from "../fixtures/authorization-server.ts";
import { findFreePort, type Gateway, startGateway } from "../fixtures/gateway.ts";
import { merge } from "../fixtures/mapping.ts";
import { type Puppet, type Purists, startPuppet, startPurists } from "./puppet.ts";
import { awayUrl, createTestIssuer, issuerUrl, type TestIssuer } from "./tokens.ts";

const policyYaml = `version: 1
roles:
  everything:
    allow:
      - { id: everything, server: "*", tools: ["*"], resources: ["*"], prompts: ["*"] }
    deny:
      - { id: never-drop, server: "*", tools: ["drop-*"] }
  echoing:
    allow:
      - { id: echo-only, server: alpha, tools: [echo], resources: ["note://public/*"] }
  paying:
    allow:
      - { id: small-payments, server: alpha, tools: [pay], when: mcp.tool.arguments.amount <= 100 }
      - { id: proven, server: alpha, tools: [refund], require: { scopes: ["billing:write", "billing:read"], acr: [mfa] } }
      - { id: fresh, server: alpha, tools: [close], require: { amr: [otp], maxAge: 5m } }
      - { id: bound, server: alpha, tools: [wire], require: { proof: true } }
      - { id: once, server: alpha, tools: [pay-once], limit: { requests: 1, window: 1h } }
      - { id: transfers, server: alpha, tools: [transfer] }
    deny:
      - { id: no-big-transfers, server: alpha, tools: [transfer], when: mcp.tool.arguments.amount > 100 }
bindings:
  - { roles: [everything], groups: [all] }
  - { roles: [paying], groups: [paying] }
  - { roles: [echoing], groups: [limited] }
`;

/** A gateway with what a case needs around it. */
export interface Stage {
  readonly gateway: Gateway;
  readonly puppet: Puppet;
  readonly purists: Purists;
  readonly ca: string;
  readonly issuer: TestIssuer;
  stop(): Promise<void>;
}

/** Makes API keys as an operator does: one that is for another address, and one that is revoked at once. */
async function makeApiKeys(configFile: string, { apiKeys }: TestIssuer): Promise<void> {
  const key = async (...args: string[]) => {
    const { stdout } = await promisify(execFile)(process.execPath, [sallyport, "key", ...args, "-c", configFile]);
    return stdout.trim();
  };
  apiKeys.set("api-key-elsewhere", await key("create", "elsewhere", "--from", "10.0.0.0/8"));
  apiKeys.set("api-key-revoked", await key("create", "revoked"));
  await key("revoke", "revoked");
}

const sallyport = fileURLToPath(new URL("../../bin/sallyport.js", import.meta.url));

/**
 * Starts a gateway for cases. Behind it: `alpha` and `beta`, the same puppet on two paths; `hasty`, the puppet with
 * timeouts that a test can wait for; `down`, where nobody listens; `asking`, which may ask the client to elicit; `elder`
 * and `newer`, which speak one age each; `oldest` of HTTP with SSE; `locked`, for which no token is to be had, and `unwelcome`,
 * for which the gateway gets none; `personal`, for which no caller gets one.
 *
 * @param config merged over the configuration of all cases
 */
export async function startStage(config: Readonly<Record<string, unknown>>): Promise<Stage> {
  const directory = await mkdtemp(join(tmpdir(), "sallyport-golden-"));
  const jwksFile = join(directory, "jwks.json");
  const [issuer, puppet, purists, authorization, closedPort] = await Promise.all([
    createTestIssuer(),
    startPuppet(),
    startPurists(),
    listen(),
    findFreePort(),
  ]);
  await writeFile(jwksFile, issuer.jwks);
  const server = (name: string, extra: object = {}) => ({ url: puppet.url(name), maxResponse: "16KiB", ...extra });
  const client = (tokenEndpoint: string) => ({ tokenEndpoint, clientId: "gateway", clientSecret: "secret" });
  const tokensFrom = (tokenEndpoint: string) => ({ credentials: { clientCredentials: client(tokenEndpoint) } });
  const gateway = await startGateway({
    servers: {
      alpha: server("alpha"),
      beta: server("beta"),
      hasty: server("hasty", { timeouts: { firstByte: "5s", idle: "300ms" } }),
      asking: server("asking", { clientRequests: ["elicitation"] }),
      elder: { url: purists.url("elder") },
      newer: { url: purists.url("newer") },
      oldest: { url: purists.url("elder"), transport: "sse" },
      locked: server("locked", tokensFrom(`http://127.0.0.1:${closedPort}/token`)),
      unwelcome: server("unwelcome", tokensFrom(`${authorization.url}/refusing`)),
      personal: server("personal", { credentials: { exchange: client(`${authorization.url}/denying`) } }),
      down: { url: `http://127.0.0.1:${closedPort}/mcp` },
    },
    policyYaml,
    ...("identity" in config &&
      !("state" in config) && { before: (configFile: string) => makeApiKeys(configFile, issuer) }),
    configOverrides: merge(
      {
        listen: { maxHeader: "8KiB", maxBody: "8KiB", maxDepth: 16 },
        network: {
          allow: ["127.0.0.0/8"],
          deny: ["127.0.0.66"],
          trustedProxies: ["127.0.0.77"],
          origins: ["https://app.example.com"],
        },
        identity: {
          issuers: {
            golden: { issuer: issuerUrl, jwks: jwksFile },
            away: { issuer: awayUrl, jwks: `http://127.0.0.1:${closedPort}/jwks` },
          },
        },
      },
      config,
    ),
  });
  const ca = await readFile(gateway.caFile, "utf8");
  return {
    gateway,
    puppet,
    purists,
    ca,
    issuer,
    async stop() {
      await gateway.stop();
      authorization.server.closeAllConnections();
      authorization.server.close();
      await Promise.all([puppet.stop(), purists.stop()]);
      await rm(directory, { recursive: true, force: true });
    },
  };
}
