import { randomBytes } from "node:crypto";
import { Command, InvalidArgumentError } from "commander";
import { type ApiKey, apiKeys, revokedListedMs, standingOf } from "../../auth/api-keys/api-key.ts";
import { drawApiKey } from "../../auth/api-keys/key-text.ts";
import { isPlainText, maxSubjectLength } from "../../auth/claims.ts";
import { digestSecret } from "../../auth/secret-text.ts";
import { didYouMean } from "../../config/diagnose.ts";
import { readDuration } from "../../config/units.ts";
import { readCidr } from "../../network/cidr.ts";
import { reportDeed } from "../../state/deeds.ts";
import type { Store } from "../../state/store.ts";
import { withConfig } from "../config.ts";
import { reportFailure } from "../failure.ts";
import type { CommandIo } from "../io.ts";
import { printJsonLine } from "../printing.ts";
import { withState } from "../state.ts";
import { readGroups, readName } from "../token.ts";

interface CreateOptions {
  readonly config: string;
  readonly subject?: string;
  readonly groups: string[];
  readonly scopes: string[];
  readonly server?: string[];
  readonly from?: string[];
  readonly ttl?: number;
  readonly never?: true;
  readonly json?: true;
}

const defaultTtlMs = 90 * 86_400_000;

/** `sallyport key create`. Exit code 0 done, 2 it could not be done. */
export function createCommand(io: CommandIo): Command {
  return withConfig(new Command("create"))
    .description("make an API key and print it; it is shown this once")
    .argument("<name>", "what the key is called, in policies (`apiKeys`), lists and records", readKeyName)
    .option("--subject <subject>", "whom calls with it are made by (default: the name)", readName)
    .option("--groups <a,b>", "groups of the subject", readGroups, [])
    .option("--scopes <a,b>", "scopes that policies may require", readGroups, [])
    .option("--server <name>", "server it opens; may be repeated (default: every one that policy allows)", collect)
    .option(
      "--from <block>",
      "address or block it may be used from; may be repeated (default: everywhere)",
      collectBlocks,
    )
    .option("--ttl <duration>", "how long it is good (default: 90d)", readTtl)
    .option("--never", "let it be good until it is revoked")
    .option("--json", "print one JSON object")
    .action(async (name: string, options: CreateOptions) => {
      try {
        const made = await withState(io, options.config, async (store, { servers, identity }) => {
          checkServers(options.server ?? [], Object.keys(servers));
          return { ...(await createKey(store, name, options, Date.now())), accepted: identity.apiKeys.enabled };
        });
        const { text, key, accepted } = made;
        const expires = key.expiresAtMs === null ? null : new Date(key.expiresAtMs).toISOString();
        if (options.json === true) printJsonLine(io, { name, key: text, subject: key.subject, expires });
        else io.out(`${text}\n`);
        const life = expires === null ? "is good until it is revoked" : `is good until ${expires}`;
        io.err(`The key ${name} ${life}, and is shown this once.\n`);
        if (!accepted) io.err("The gateway does not accept API keys yet: set identity.apiKeys.enabled to true.\n");
        io.exit(0);
      } catch (error) {
        reportFailure(io, error, options.json);
      }
    });
}

async function createKey(
  store: Store,
  name: string,
  { subject = name, groups, scopes, server, from, ttl = defaultTtlMs, never }: CreateOptions,
  nowMs: number,
): Promise<{ text: string; key: ApiKey }> {
  const { id, secret, text } = drawApiKey(randomBytes);
  const key: ApiKey = {
    id,
    digest: digestSecret({ secret }),
    subject,
    groups,
    scopes,
    servers: server ?? null,
    from: from ?? null,
    createdAtMs: nowMs,
    expiresAtMs: never === true ? null : nowMs + ttl,
    revokedAtMs: null,
  };
  const found = await store.get(apiKeys, name);
  if (found !== null && standingOf(found.value, nowMs) === "active") {
    throw new Error(`there is a key ${name}; revoke it first, or choose another name`);
  }
  const { expiresAtMs } = key;
  const facts = { name, subject, groups, scopes, servers: key.servers, from: key.from };
  await reportDeed(store, "api-key.create", facts, nowMs);
  const options = expiresAtMs === null ? {} : { expiresAtMs: expiresAtMs + revokedListedMs };
  const put = await store.put(apiKeys, name, key, { ...options, expected: found?.revision ?? 0 });
  if (put === null) throw new Error(`somebody else made a key ${name} just now`);
  return { text, key };
}

function checkServers(wanted: readonly string[], servers: readonly string[]): void {
  for (const name of wanted) {
    if (servers.includes(name)) continue;
    const hint = didYouMean(name, servers) ?? `servers: ${servers.join(", ")}`;
    throw new Error(`there is no server ${JSON.stringify(name)} (${hint})`);
  }
}

function readKeyName(text: string): string {
  if (!isPlainText(text, maxSubjectLength) || /\s/.test(text) || text.startsWith("-")) {
    throw new InvalidArgumentError("Expected characters that show, without spaces.");
  }
  return text;
}

function collect(text: string, before: string[] = []): string[] {
  return [...before, text];
}

function collectBlocks(text: string, before: string[] = []): string[] {
  if (readCidr(text) === undefined) {
    throw new InvalidArgumentError(
      "Expected an address or block such as 10.0.0.0/8, with no bits set after the prefix.",
    );
  }
  return [...before, text];
}

function readTtl(text: string): number {
  const ttlMs = readDuration(text);
  if (ttlMs === undefined || ttlMs === 0) throw new InvalidArgumentError("Expected a duration such as 12h or 90d.");
  return ttlMs;
}
