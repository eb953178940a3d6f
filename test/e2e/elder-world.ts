import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { type ReadyChild, startChild } from "../fixtures/child.ts";
import { findFreePort, type Gateway, startGateway } from "../fixtures/gateway.ts";
import { answerMinimally, type Recorder, type RecorderHandler, startRecorder } from "../fixtures/recorder.ts";
import { patient } from "./setting.ts";

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/${name}.ts`, import.meta.url));

type Name = "subject" | "old";

/** A server as clients of 2024-11-05 find it, whatever it speaks itself. */
export interface Kind {
  readonly server: Name | "plain";
  /** A tool that everybody may call, and what it answers to the text "x". */
  readonly echo: string;
  readonly echoed: string;
  /** A tool that reports this progress. */
  readonly steps: string;
  readonly progress: readonly number[];
  /** What readers see, and a tool that they do not. */
  readonly tools: readonly string[];
  readonly hidden: string;
}

/** Streamable HTTP with sessions, HTTP with SSE, and Streamable HTTP without sessions. */
export const kinds: readonly Kind[] = [
  {
    server: "subject",
    echo: "test_echo",
    echoed: "x",
    steps: "test_tool_with_progress",
    progress: [0, 50, 100],
    tools: ["test_echo", "test_tool_with_logging", "test_tool_with_progress"],
    hidden: "test_simple_text",
  },
  {
    server: "old",
    echo: "echo",
    echoed: "x",
    steps: "steps",
    progress: [1, 2, 3],
    tools: ["echo", "steps"],
    hidden: "announce",
  },
  {
    server: "plain",
    echo: "echo",
    echoed: "recorded",
    steps: "steps",
    progress: [1, 2],
    tools: ["echo", "steps"],
    hidden: "hold",
  },
];

/** Those that have sessions. */
export const sessionKinds = kinds.filter((kind): kind is Kind & { server: Name } => kind.server !== "plain");

export const policyYaml = `version: 1
bindings:
  - { roles: [operator], groups: [operators] }
  - { roles: [reader], groups: [readers] }
roles:
  operator:
    allow: [{ server: "*", tools: ["*"], resources: ["*"], prompts: ["*"] }]
  reader:
    allow:
      - { server: subject, tools: [test_echo, "test_tool_with_*"], resources: ["test://static-text"] }
      - { server: old, tools: [echo, steps], resources: ["test://open"] }
      - { server: plain, tools: [echo, steps] }
`;

/** A gateway before one server of each kind. */
export interface ElderWorld {
  readonly gateway: Gateway;
  readonly plain: Recorder;
  /** A bearer token; the same one each time, unless it is for a subject of its own. */
  token(server: string, options?: TokenOptions): Promise<string>;
  /** Kills a server, and gives what starts it again at the same address. */
  kill(server: Name): Promise<() => Promise<void>>;
  stop(): Promise<void>;
}

export interface TokenOptions {
  readonly group?: "operators" | "readers";
  /** Default: the group. */
  readonly subject?: string;
}

export async function startElderWorld(): Promise<ElderWorld> {
  const ports = { subject: await findFreePort(), old: await findFreePort() };
  const start = (name: Name) =>
    startChild([fixture(name === "old" ? "sse-server" : name), "--port", String(ports[name]), "--until-stdin-ends"]);
  const [subject, old, plain] = await Promise.all([start("subject"), start("old"), startRecorder(answerPlainly)]);
  const running: Record<Name, ReadyChild> = { subject, old };
  const stopServers = () => Promise.all([running.subject.stop(), running.old.stop(), plain.stop()]);
  const clientRequests = ["elicitation", "sampling"];
  const servers = {
    subject: { url: String(subject.ready.url), clientRequests },
    old: { url: String(old.ready.url), transport: "sse", clientRequests },
    plain: { url: plain.url },
  };
  let gateway: Gateway;
  try {
    gateway = await startGateway({ servers, policyYaml, configOverrides: patient });
  } catch (error) {
    await stopServers();
    throw error;
  }
  const tokens = new Map<string, Promise<string>>();
  return {
    gateway,
    plain,
    token(server, { group = "operators", subject = group } = {}) {
      const key = `${subject}@${server}`;
      const token = tokens.get(key) ?? gateway.mint({ server, subject, groups: [group] });
      tokens.set(key, token);
      return token;
    },
    async kill(server) {
      running[server].child.kill("SIGKILL");
      await running[server].stop();
      return async () => {
        running[server] = await start(server);
      };
    },
    async stop() {
      await gateway.stop();
      await stopServers();
    },
  };
}

/** One that is gone when the test is over. */
export async function ownElderWorld(): Promise<ElderWorld> {
  const world = await startElderWorld();
  onTestFinished(() => world.stop());
  return world;
}

const answerPlainly: RecorderHandler = (request, body, response) => {
  const { id, method, params } = JSON.parse(body.toString() || "{}");
  const answer = (result: object) => JSON.stringify({ jsonrpc: "2.0", id, result });
  if (method === "tools/list") {
    const tools = ["echo", "steps", "hold"].map((name) => ({ name, inputSchema: { type: "object" } }));
    response.writeHead(200, { "content-type": "application/json" }).end(answer({ tools }));
  } else if (params?.name === "steps") {
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (const progress of [1, 2]) {
      const report = { progressToken: params._meta?.progressToken, progress };
      const notice = { jsonrpc: "2.0", method: "notifications/progress", params: report };
      response.write(`data: ${JSON.stringify(notice)}\n\n`);
    }
    response.end(`data: ${answer({ content: [] })}\n\n`);
  } else if (params?.name !== "hold") answerMinimally(request, body, response);
};
