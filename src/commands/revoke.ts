import { text } from "node:stream/consumers";
import { Command } from "commander";
import { decodeJwt } from "jose";
import { apiKeyIssuer } from "../auth/api-keys/api-key.ts";
import { certificateIssuer } from "../auth/client-certificate.ts";
import type { Revoked } from "../auth/revocations.ts";
import { readSessionToken } from "../auth/session-tokens/token-text.ts";
import { users } from "../auth/users/user.ts";
import { findGrant } from "../authorization/grants/grants.ts";
import { type Revoker, revoke } from "../authorization/grants/revoke.ts";
import { tellOwner } from "../authorization/news/keep.ts";
import { endSession } from "../authorization/sessions/sessions.ts";
import { contextOf } from "../config/context.ts";
import { nameOperator, reportDeed } from "../state/deeds.ts";
import type { Store } from "../state/store.ts";
import { nameUnknownIssuer, withConfig } from "./config.ts";
import { reportFailure } from "./failure.ts";
import type { CommandIo } from "./io.ts";
import { printJsonLine } from "./printing.ts";
import { withState } from "./state.ts";

interface RevokeOptions {
  readonly config: string;
  readonly issuer?: string;
  readonly stdin?: true;
  readonly reason?: string;
  readonly json?: true;
}

/** What can be revoked, and how it is named on the command line. */
interface Sort {
  readonly argument: string;
  readonly description: string;
  /** False for what is the gateway's own, also where it issues no tokens. */
  readonly ofIssuer: boolean;
  readonly find: (value: string, issuer: string, stdin: boolean) => Revoked | Promise<Revoked>;
}

const own = "builtin";

/** What pages show of a session token. */
const shownToken = /^sps_([0-9A-Za-z]{11})…?$/;

const sorts: Readonly<Record<Revoked["kind"], Sort>> = {
  user: {
    argument: "<subject>",
    description: "end all that somebody has: tokens, logins, consents",
    ofIssuer: true,
    find: (subject, issuer) => ({ kind: "user", issuer, subject }),
  },
  client: {
    argument: "<id>",
    description: "end all that a client has, of whomever",
    ofIssuer: true,
    find: (client, issuer) => ({ kind: "client", issuer, client }),
  },
  grant: {
    argument: "<id>",
    description: "end what one person gave one client (`sallyport grant list`)",
    ofIssuer: false,
    find: (grant) => ({ kind: "grant", grant }),
  },
  session: {
    argument: "<id>",
    description:
      "end a session token or a browser's login (`sallyport session list`), or an MCP session by its fingerprint (`sallyport session list --mcp`)",
    ofIssuer: false,
    find: (text) => ({ kind: "session", id: readSessionToken(text)?.id ?? shownToken.exec(text)?.[1] ?? text }),
  },
  token: {
    argument: "[jti]",
    description: "end one token, named by its `jti`",
    ofIssuer: true,
    find: async (id, issuer, stdin) =>
      stdin ? readToken(await text(process.stdin), issuer) : { kind: "token", issuer, id: need(id) },
  },
};

/** `sallyport revoke`: ends what was issued, at once. Exit code 0 done, 2 it could not be done. */
export function revokeCommand(io: CommandIo): Command {
  const parent = new Command("revoke").description(
    "end what was issued before its time; open streams of it end within a second",
  );
  for (const [kind, { argument, description, ofIssuer, find }] of Object.entries(sorts)) {
    const command = withConfig(parent.command(kind));
    if (kind === "token") command.option("--stdin", "read the token itself from stdin");
    if (ofIssuer) command.option("--issuer <name>", `issuer, as in the configuration (default: ${own})`);
    command
      .description(description)
      .argument(argument, "one that begins with a dash comes last, after --")
      .option("--reason <text>", "why, for the record")
      .option("--json", "print one JSON object")
      .action(async (value: string | undefined, options: RevokeOptions) => {
        const { config, issuer = own, stdin = false, reason, json } = options;
        try {
          const [revoked, doubt] = await withState(io, config, async (store, parts) => {
            const found = await find(value ?? "", issuer, stdin);
            if ("issuer" in found) checkIssuer(found.issuer, contextOf(parts).issuers);
            const doubt = await findDoubt(store, found);
            await put(store, found, reason ?? null, Date.now());
            return [found, doubt] as const;
          });
          if (json === true) printJsonLine(io, { revoked });
          else io.out(`revoked: ${Object.values(revoked).join(" ")}\n`);
          if (doubt !== null) io.err(`${doubt}\n`);
          io.exit(0);
        } catch (error) {
          reportFailure(io, error, json);
        }
      });
  }
  return parent;
}

/**
 * What makes it likely that a name was misspelt; null where nothing does. Not a failure: the last tokens of a grant that is over may
 * outlive it, and `token mint` gives tokens to whomever.
 */
async function findDoubt(store: Pick<Store, "get">, revoked: Revoked): Promise<string | null> {
  if (revoked.kind === "grant" && (await findGrant(store, revoked.grant)) === null)
    return "No grant has this id now: `sallyport grant list` shows all there are.";
  // With a colon in its name it is a client, or somebody whom a provider speaks for: those need not be on a list.
  if (revoked.kind !== "user" || revoked.issuer !== own || revoked.subject.includes(":")) return null;
  const isUser = (await store.get(users, revoked.subject)) !== null;
  return isUser ? null : "No user has this name: `sallyport user list` shows all there are.";
}

/** The record comes last: what is to end at once must not wait for it. */
async function put(store: Store, revoked: Revoked, reason: string | null, nowMs: number): Promise<void> {
  const sort = await end(store, revoked, { by: nameOperator(), reason, nowMs });
  // Under the name of no id the trail would take what looks random for a secret.
  const named = revoked.kind === "grant" ? { kind: revoked.kind, id: revoked.grant } : revoked;
  const facts = { ...named, ...(sort !== null && { sort }), ...(reason !== null && { reason }) };
  await reportDeed(store, `${revoked.kind}.revoke`, facts, nowMs);
  if (revoked.kind === "user" && revoked.issuer === own) await tellOwner(store, revoked.subject, "logins-ended", nowMs);
}

/** @returns of a session, which sort it was */
async function end(store: Store, revoked: Revoked, revoker: Revoker): Promise<string | null> {
  if (revoked.kind === "session") return endSession(store, revoked.id, revoker);
  await revoke(store, revoked, revoker);
  return null;
}

/** What is no token has a way of its own to end, and a revocation here would end nothing. */
const elsewhere: ReadonlyMap<string, string> = new Map([
  [apiKeyIssuer, "an API key ends with `sallyport key revoke`"],
  [certificateIssuer, "a certificate ends with the list of its authority, `listen.tls.clientCrl`"],
]);

function checkIssuer(issuer: string, issuers: readonly string[]): void {
  const way = elsewhere.get(issuer);
  if (way !== undefined) throw new Error(way);
  const unknown = nameUnknownIssuer(issuer, issuers);
  if (unknown !== undefined) throw new Error(unknown);
}

function need(id: string): string {
  if (id === "") throw new Error("name the token by its jti, or give it with --stdin");
  return id;
}

/** Whoever has a token may take it out of the world, whether or not it is good. */
function readToken(token: string, issuer: string): Revoked {
  const { jti } = decodeJwt(token.trim());
  if (typeof jti !== "string") throw new Error("the token has no jti; revoke its user, client or grant");
  return { kind: "token", issuer, id: jti };
}
