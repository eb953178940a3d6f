import { randomUUID } from "node:crypto";
import { Command, InvalidArgumentError } from "commander";
import { isPlainText, maxGroups, maxSubjectLength } from "../auth/claims.ts";
import { resourceOf } from "../auth/metadata.ts";
import { ConfigError, renderProblems } from "../config/diagnose.ts";
import { loadParts } from "../config/parts.ts";
import { readDuration } from "../config/units.ts";
import { KeyFileError } from "../crypto/keyfile.ts";
import { type Keyring, maxTokenTtlMs, openKeyring } from "../crypto/keyring.ts";
import { hintAtConfig, withConfig } from "./config.ts";
import type { CommandIo } from "./io.ts";
import { printJsonLine } from "./printing.ts";

/** Whom a token is for. */
export interface TokenOrder {
  readonly subject: string;
  readonly groups: readonly string[];
  /** OAuth client to name, if any. */
  readonly client?: string | undefined;
  /** The server's name in the configuration. */
  readonly server: string;
  /** Whole seconds, in milliseconds; at most {@link maxTokenTtlMs}. */
  readonly ttlMs: number;
}

/** A token and what it opens. */
export interface MintedToken {
  readonly token: string;
  /** ISO 8601. */
  readonly expiresAt: string;
  readonly resource: string;
}

/**
 * Signs an access token (RFC 9068) with the gateway's own key.
 *
 * @param id the `jti` claim, unique among tokens
 */
export async function mintToken(
  keyring: Pick<Keyring, "signToken">,
  publicUrl: string,
  order: TokenOrder,
  nowMs: number,
  id: string,
): Promise<MintedToken> {
  const resource = resourceOf(publicUrl, order.server);
  const iat = Math.floor(nowMs / 1_000);
  const exp = iat + order.ttlMs / 1_000;
  const token = await keyring.signToken({
    iss: publicUrl,
    sub: order.subject,
    aud: resource,
    iat,
    exp,
    jti: id,
    groups: order.groups,
    ...(order.client !== undefined && { client_id: order.client }),
  });
  return { token, expiresAt: new Date(exp * 1_000).toISOString(), resource };
}

const defaultTtlMs = 600_000;

interface MintOptions {
  config: string;
  subject: string;
  groups: string[];
  server?: string;
  client?: string;
  ttl?: number;
  json?: true;
}

/** `sallyport token`: tokens of the gateway itself, for whoever may read its key file. Exit code 0 done, 2 could not. */
export function tokenCommand(io: CommandIo): Command {
  const mint = withConfig(new Command("mint"))
    .description("sign a token with the gateway's own key and print it")
    .requiredOption("--subject <subject>", "who the token is for", readName)
    .option("--groups <a,b>", "groups of the subject", readGroups, [])
    .option("--server <name>", "server the token opens; may be left out when there is only one")
    .option("--client <id>", "OAuth client to name", readName)
    .option("--ttl <duration>", "how long it is valid, at most 24h (default: 10m)", readTtl)
    .option("--json", "print one JSON object")
    .action(async (options: MintOptions) => {
      try {
        const minted = await mintFor(options);
        if (options.json === true) printJsonLine(io, minted);
        else io.out(`${minted.token}\n`);
        io.exit(0);
      } catch (error) {
        io.err(explain(hintAtConfig(error, options.config)));
        io.exit(2);
      }
    });
  return new Command("token").description("tokens signed by the gateway itself").addCommand(mint);
}

/** What the operator asked for does not go with the configuration. */
class UsageError extends Error {
  override readonly name = "UsageError";
}

async function mintFor(options: MintOptions): Promise<MintedToken> {
  const config = await loadParts(options.config, ["publicUrl", "identity", "servers", "sessions", "state"]);
  if (!config.identity.builtin.enabled) {
    throw new UsageError("identity.builtin is disabled, so the gateway would refuse its own tokens");
  }
  const { subject, groups, client, ttl: ttlMs = defaultTtlMs } = options;
  const order = { subject, groups, client, ttlMs, server: chooseServer(Object.keys(config.servers), options.server) };
  const now = Date.now;
  const keyring = await openKeyring(config.state.directory, { now, sessionLifetimeMs: config.sessions.lifetime });
  return mintToken(keyring, config.publicUrl, order, now(), randomUUID());
}

function chooseServer(servers: readonly string[], wanted: string | undefined): string {
  const [only, ...others] = servers;
  const server = wanted ?? (others.length === 0 ? only : undefined);
  if (server !== undefined && servers.includes(server)) return server;
  const problem = wanted === undefined ? "--server is needed" : `there is no server ${JSON.stringify(wanted)}`;
  throw new UsageError(`${problem}; servers: ${servers.join(", ") || "none"}`);
}

/** @throws InvalidArgumentError for what identifies nobody */
export function readName(text: string): string {
  if (!isPlainText(text, maxSubjectLength)) {
    throw new InvalidArgumentError(`Expected 1 to ${maxSubjectLength} characters that show.`);
  }
  return text;
}

/** Names separated by commas. @throws InvalidArgumentError as {@link readName}, and for too many */
export function readGroups(text: string): string[] {
  const named = text.split(",").map((name) => name.trim());
  const groups = named.filter((name) => name !== "").map(readName);
  if (groups.length > maxGroups) throw new InvalidArgumentError(`Expected at most ${maxGroups} groups.`);
  return groups;
}

function readTtl(text: string): number {
  const ttlMs = readDuration(text);
  if (ttlMs === undefined || ttlMs % 1_000 !== 0 || ttlMs === 0 || ttlMs > maxTokenTtlMs) {
    throw new InvalidArgumentError("Expected whole seconds such as 30s, 10m or 8h, at most 24h.");
  }
  return ttlMs;
}

function explain(error: unknown): string {
  if (error instanceof ConfigError) return renderProblems(error.problems);
  if (error instanceof UsageError || error instanceof KeyFileError) return `${error.message}\n`;
  throw error;
}
