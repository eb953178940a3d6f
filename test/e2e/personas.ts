import { onTestFinished } from "vitest";
import { type Gateway, type GatewayOptions, startGateway } from "../fixtures/gateway.ts";
import { merge } from "../fixtures/mapping.ts";
import { type Recorder, startRecorder } from "../fixtures/recorder.ts";
import { type Subject, startSubject } from "../fixtures/start.ts";
import { startDemonstration, type TrustingFetch, trustGateway } from "./sdk.ts";
import type { Line } from "./sdk-line.ts";
import { patient } from "./setting.ts";

const subjectPolicy = `version: 1
bindings:
  - { roles: [operator], groups: [operators] }
  - { roles: [reader], groups: [readers] }
roles:
  operator:
    allow:
      - { id: everything, server: "*", tools: ["*"], resources: ["*"], prompts: ["*"] }
  reader:
    allow:
      - id: subject
        server: "subject*"
        tools: [test_echo, "test_tool_with_*", test_reconnection]
        resources: ["test://static-text", "test://template/1*"]
        prompts: [test_simple_prompt]
`;

const policy = `${subjectPolicy}
      - id: demonstration
        server: everything
        tools: [echo, get-sum, trigger-long-running-operation]
        resources: ["demo://resource/static/document/features.md"]
        prompts: [simple-prompt]
      - { id: pages, server: paged, tools: ["visible-*"] }
`;

/** Who calls. Operators and deputies have the same rights, so that it is never policy that keeps them apart. */
export type Persona = "operator" | "deputy" | "reader";

const groups: Readonly<Record<Persona, string>> = { operator: "operators", deputy: "operators", reader: "readers" };

/** A gateway with real MCP servers behind it, and who may call them. */
export interface World {
  readonly gateway: Gateway;
  /** What it was started with. */
  readonly options: GatewayOptions;
  /** A bearer token of a persona for a server; the same one each time. */
  token(persona: Persona, server: string): Promise<string>;
  url(server: string): URL;
  /**
   * A fetch of its own for each test, so that one test does not see the answers of another.
   *
   * @param line what lies between the client and the gateway; default nothing
   */
  trust(line?: Pick<Line, "port">): Promise<TrustingFetch>;
  stop(): Promise<void>;
}

/**
 * Starts the world: `everything`, the official demonstration server; `subject`, which knows all revisions; `subject-mute`,
 * the same process, which may ask clients nothing; and `paged`, whose list of tools comes in pages.
 */
export async function startWorld(): Promise<World> {
  const [everything, subject, paged] = await Promise.all([startDemonstration(), startSubject(), startPages()]);
  const servers = {
    everything: { url: everything.url, credentials: { bearer: everything.bearer }, clientRequests },
    ...describeSubject(subject),
    paged: { url: paged.url },
  };
  return openWorld({ servers, policyYaml: policy }, () =>
    Promise.all([everything.stop(), subject.stop(), paged.stop()]),
  );
}

/** Starts a smaller world, of `subject` and `subject-mute` alone. */
export async function startSubjectWorld(
  configOverrides: GatewayOptions["configOverrides"] = {},
  policyYaml = subjectPolicy,
): Promise<World> {
  const subject = await startSubject();
  const options = { servers: describeSubject(subject), policyYaml, configOverrides };
  return openWorld(options, subject.stop);
}

const clientRequests = ["elicitation", "sampling", "roots"];

function describeSubject({ url }: Subject) {
  return { subject: { url, clientRequests }, "subject-mute": { url } };
}

async function openWorld(options: GatewayOptions, stopServers: () => Promise<unknown>): Promise<World> {
  let gateway: Gateway;
  try {
    gateway = await startGateway({ ...options, configOverrides: merge(patient, options.configOverrides ?? {}) });
  } catch (error) {
    await stopServers();
    throw error;
  }
  const tokens = new Map<string, Promise<string>>();
  return {
    gateway,
    options,
    token(persona, server) {
      const key = `${persona}@${server}`;
      const token = tokens.get(key) ?? gateway.mint({ server, subject: persona, groups: [groups[persona]] });
      tokens.set(key, token);
      return token;
    },
    url: (server) => new URL(`${gateway.publicUrl}/${server}/mcp`),
    async trust(line) {
      const trusted = await trustGateway(gateway, line?.port);
      onTestFinished(() => trusted.close());
      return trusted;
    },
    async stop() {
      await gateway.stop();
      await stopServers();
    },
  };
}

/** Three pages of tools, the second of which shows a reader nothing. */
const pages: Readonly<Record<string, { names: readonly string[]; nextCursor?: string }>> = {
  first: { names: ["visible-1", "hidden-1"], nextCursor: "second" },
  second: { names: ["hidden-2", "hidden-3"], nextCursor: "third" },
  third: { names: ["hidden-4", "visible-2"] },
};

function startPages(): Promise<Recorder> {
  return startRecorder((_request, body, response) => {
    const { id, method, params } = JSON.parse(body.toString() || "{}");
    if (id === undefined) return void response.writeHead(method === undefined ? 405 : 202, { allow: "POST" }).end();
    const { names = [], nextCursor } = pages[params?.cursor ?? "first"] ?? {};
    const tools = names.map((name) => ({ name, inputSchema: { type: "object" } }));
    const serverInfo = { name: "paged", version: "1" };
    const hello = { protocolVersion: "2025-11-25", capabilities: { tools: {} }, serverInfo };
    const result = method === "initialize" ? hello : { tools, nextCursor };
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ jsonrpc: "2.0", id, result }));
  });
}
