import { randomUUID } from "node:crypto";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Command, InvalidArgumentError } from "commander";
import { activeName } from "../audit/files/layout.ts";
import { resourceOf } from "../auth/metadata.ts";
import { type LoadedConfig, loadConfig } from "../config/load.ts";
import { openKeyring } from "../crypto/keyring.ts";
import type { Program } from "../policy/compile.ts";
import { viewOf } from "../policy/evaluate.ts";
import { nobody } from "../policy/facts.ts";
import { Sight } from "../policy/sight.ts";
import { startDemonstration } from "../quickstart/demonstration.ts";
import { SetupError } from "../quickstart/files.ts";
import { type Prepared, prepare, readUpstream } from "../quickstart/prepare.ts";
import { probePort } from "../quickstart/probe.ts";
import { serverName } from "../quickstart/templates.ts";
import { renderReady, renderWelcome, type WelcomeFacts } from "../quickstart/welcome.ts";
import { explainStart, startGateway } from "../start.ts";
import type { RunningGateway } from "../supervision.ts";
import type { CommandIo } from "./io.ts";
import { mintToken } from "./token.ts";

interface QuickstartOptions {
  dir: string;
  upstream?: string;
  port?: number;
  adminPort?: number;
  json?: true;
}

const tokenHours = 8;

/**
 * `sallyport quickstart`: makes what a first run lacks, runs the gateway on it, in front of the official "everything" MCP
 * server unless another one is named, and says how to use it. Exit code 0 after Ctrl-C, 2 when it could not start.
 */
export function quickstartCommand(io: CommandIo): Command {
  return new Command("quickstart")
    .description("run the gateway at once, with certificates, configuration and policy made for this machine")
    .option("--upstream <url>", "MCP server to protect (default: the official demonstration server)", parseUpstream)
    .option("--dir <dir>", "directory that everything is kept in", ".sallyport")
    .option("--port <port>", "port of the gateway in a new directory; 0 for any (default: 8443)", parsePort)
    .option("--admin-port <port>", "port of health and metrics, likewise (default: 9090)", parsePort)
    .option("--json", "print one line of JSON")
    .action(async (options: QuickstartOptions) => {
      try {
        await runQuickstart(options, io);
        io.exit(0);
      } catch (error) {
        io.err(`${explainStart(error)}\n`);
        io.exit(2);
      }
    });
}

async function runQuickstart(options: QuickstartOptions, io: CommandIo): Promise<void> {
  const wishes = { port: options.port, adminPort: options.adminPort, upstream: options.upstream };
  const schemas = fileURLToPath(new URL("../../schema", import.meta.url));
  const machine = { schemas, now: new Date(), probe: probePort };
  const prepared = await prepare(resolve(options.dir), wishes, machine);
  const report = (line: string) => io.err(`${line}\n`);
  const demonstration = prepared.needsEverything ? await startDemonstration(prepared.data, report) : undefined;
  try {
    await serve(prepared, options.json === true ? renderReady : renderWelcome, io);
  } finally {
    await demonstration?.stop();
  }
}

async function serve(prepared: Prepared, render: (facts: WelcomeFacts) => string, io: CommandIo): Promise<void> {
  const loaded = await loadConfig(prepared.config);
  const { config } = loaded;
  if (!config.identity.builtin.enabled) {
    throw new SetupError(
      `identity.builtin is disabled in ${prepared.config}, so there are no tokens to hand out; use serve.`,
    );
  }
  const gateway = await startGateway(prepared.config, io.err);
  try {
    io.out(render(await gatherFacts(prepared, loaded, gateway)));
    gateway.deliver();
  } catch (error) {
    await gateway.stop();
    throw error;
  }
  await gateway.stopped;
}

async function gatherFacts(prepared: Prepared, loaded: LoadedConfig, gateway: RunningGateway): Promise<WelcomeFacts> {
  const { config } = loaded;
  const [server = ""] = Object.keys(config.servers);
  const now = Date.now;
  const keyring = await openKeyring(config.state.directory, { now, sessionLifetimeMs: config.sessions.lifetime });
  const mint = async (group: string): Promise<string> => {
    const order = { subject: `${group}-user`, groups: [group], server, ttlMs: tokenHours * 3_600_000 };
    return (await mintToken(keyring, config.publicUrl, order, now(), randomUUID())).token;
  };
  return {
    publicUrl: gateway.publicUrl,
    adminUrl: gateway.adminUrl,
    server,
    mcpUrl: resourceOf(config.publicUrl, server),
    ca: prepared.certificates.ca,
    config: prepared.config,
    audit: join(config.audit.directory, activeName(1)),
    lifetime: `${tokenHours} hours`,
    tokens: { full: await mint("full"), limited: await mint("limited") },
    forbidden: findForbidden(loaded.policy, server),
  };
}

/** A call for the newcomer to see refused, if the policy is still one under which that is true. */
function findForbidden(policy: Program, server: string): string | null {
  const sightOf = (group: string) => {
    const subject = { ...nobody, issuer: "builtin", subject: `${group}-user`, groups: [group] };
    return new Sight(viewOf(policy, subject, server), {
      ip: "127.0.0.1",
      now: Date.now,
      annotationsOf: () => undefined,
    });
  };
  const name = server === serverName(null) ? "get-env" : "delete-everything";
  const target = { kind: "tool", name } as const;
  return sightOf("full").sees(target) && !sightOf("limited").sees(target) ? name : null;
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65_535) throw new InvalidArgumentError("Expected a number from 0 to 65535.");
  return port;
}

function parseUpstream(text: string): string {
  const url = readUpstream(text);
  if (url !== undefined) return url;
  throw new InvalidArgumentError("Expected an absolute http or https URL without credentials, query or fragment.");
}
