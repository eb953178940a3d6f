import { readFile } from "node:fs/promises";
import { startGateway } from "../fixtures/gateway.ts";
import type { RunningServer } from "./servers.ts";
import { startShim } from "./shim.ts";

/** MCP endpoints by the names of the servers behind them. */
export type Routes = ReadonlyMap<string, string>;

type Servers = ReadonlyMap<string, RunningServer>;

/** The suite sends hundreds of requests within a minute, all from one address and identity. */
const plenty = { requests: 1_000_000, window: "1m" };
const limits = { address: plenty, identity: { ...plenty, concurrent: 1_000, streams: 1_000 } };

/** Lets the tester do all that the suite tries, and hides what it does not, so that lists are filtered. */
const policyYaml = `version: 1
roles:
  tester:
    allow:
      - { id: all, server: "*", tools: ["*"], resources: ["*"], prompts: ["*"] }
    deny:
      - id: hidden
        server: "*"
        tools: [test_echo, get-env]
        resources: ["test://hidden*", "demo://resource/static/document/how-it-works.md"]
        prompts: [test_hidden_prompt, args-prompt]
bindings:
  - { roles: [tester], groups: [testers] }
`;

/** Straight to each server, but through a shim where it wants a token. What this starts is stopped by `cleanup`. */
export async function openDirect(servers: Servers, cleanup: AsyncDisposableStack): Promise<Routes> {
  const routes = new Map<string, string>();
  for (const [name, server] of servers) {
    routes.set(name, server.bearer === undefined ? server.url : await openShim(server, cleanup));
  }
  return routes;
}

/** Through a shim and nothing else. What this starts is stopped by `cleanup`. */
export async function openShims(servers: Servers, cleanup: AsyncDisposableStack): Promise<Routes> {
  const routes = new Map<string, string>();
  for (const [name, server] of servers) routes.set(name, await openShim(server, cleanup));
  return routes;
}

/** Through one gateway, and a shim for each server that adds its token. What this starts is stopped by `cleanup`. */
export async function openGateway(servers: Servers, cleanup: AsyncDisposableStack): Promise<Routes> {
  const entries = [...servers].map(([name, server]) => [name, describe(server)] as const);
  const gateway = await startGateway({
    servers: Object.fromEntries(entries),
    policyYaml,
    configOverrides: { limits },
  });
  cleanup.defer(async () => void (await gateway.stop()));
  const ca = await readFile(gateway.caFile, "utf8");
  const routes = new Map<string, string>();
  for (const name of servers.keys()) {
    const token = await gateway.mint({ server: name, groups: ["testers"], ttl: "1h" });
    const shim = await startShim({ target: new URL(`/${name}/mcp`, gateway.publicUrl), token, ca });
    cleanup.defer(shim.stop);
    routes.set(name, shim.url);
  }
  return routes;
}

async function openShim({ url, bearer }: RunningServer, cleanup: AsyncDisposableStack): Promise<string> {
  const shim = await startShim({ target: new URL(url), ...(bearer !== undefined && { token: bearer }) });
  cleanup.defer(shim.stop);
  return shim.url;
}

/** A server's entry in sallyport.yaml. */
function describe({ url, bearer }: RunningServer): Record<string, unknown> {
  const clientRequests = ["elicitation", "sampling", "roots"];
  return { url, clientRequests, ...(bearer !== undefined && { credentials: { bearer } }) };
}
