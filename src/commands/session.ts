import { Command, Option } from "commander";
import { listSessions } from "../authorization/sessions/sessions.ts";
import { collect, withConfig } from "./config.ts";
import { reportFailure } from "./failure.ts";
import type { CommandIo } from "./io.ts";
import { findMcpSessions, renderMcpSessions } from "./mcp-sessions.ts";
import { printJson, show } from "./printing.ts";
import { withState } from "./state.ts";

interface ListOptions {
  readonly config: string;
  readonly user?: string;
  readonly mcp?: true;
  readonly audit?: readonly string[];
  readonly json?: true;
}

const dateOf = (ms: number) => new Date(ms).toISOString();

/** `sallyport session list`. Exit code 0 done, 2 it could not be done. */
export function sessionCommand(io: CommandIo): Command {
  const list = withConfig(new Command("list"))
    .description("list session tokens and browsers that are logged in, or MCP sessions")
    .option("--user <name>", "of this user only")
    .option("--mcp", "MCP sessions that nobody has ended, as the audit trail has them, which is where they are kept")
    .addOption(
      new Option(
        "--audit <path>",
        "the same, of this audit file or directory (default: the one of the configuration); repeatable",
      )
        .argParser(collect)
        .implies({ mcp: true }),
    )
    .option("--json", "print one JSON object")
    .action(async (options: ListOptions) => {
      const { config, user, mcp, audit, json } = options;
      try {
        if (mcp === true) {
          const found = await findMcpSessions(io, { config, audit, user });
          if (json === true) printJson(io, { mcp: found.sessions, left: found.left });
          else io.out(renderMcpSessions(found));
          return io.exit(0);
        }
        const found = await findSessions(io, options);
        if (json === true) printJson(io, found);
        else io.out(renderSessions(found));
        io.exit(0);
      } catch (error) {
        reportFailure(io, error, json);
      }
    });
  return new Command("session").description("session tokens, and browsers that are logged in").addCommand(list);
}

async function findSessions(io: CommandIo, { config, user }: ListOptions) {
  const { tokens, browsers } = await withState(io, config, (store, { identity: { sessions, builtin } }) => {
    const life = { idleMs: sessions.idle, absoluteMs: sessions.absolute };
    return listSessions(store, life, builtin.login.sessionIdle, Date.now());
  });
  return {
    tokens: tokens
      .filter((token) => user === undefined || token.user === user)
      .map(({ id, user, label, servers, from, createdAtMs, usedAtMs, expiresAtMs }) => ({
        ...{ id, user, label, servers, from },
        ...{ created: dateOf(createdAtMs), used: dateOf(usedAtMs), expires: dateOf(expiresAtMs) },
      })),
    browsers: browsers
      .filter((browser) => user === undefined || browser.user === user)
      .map(({ uid: id, user, loginMs, mfa: secondFactor, usedAtMs, expiresAtMs }) => ({
        ...{ id, user, since: loginMs === null ? null : dateOf(loginMs), secondFactor },
        ...{ used: dateOf(usedAtMs), expires: dateOf(expiresAtMs) },
      })),
  };
}

function renderSessions({ tokens, browsers }: Awaited<ReturnType<typeof findSessions>>): string {
  const lines = [
    ...tokens.map(({ id, user, label, servers, from, used, expires }) => {
      const where = from === null ? "" : `, from ${from.join(", ")}`;
      return `${id}  token of ${show(user)}, ${show(label)}, for ${servers.join(", ")}${where}; used ${used}, until ${expires} at most\n`;
    }),
    ...browsers.map(({ id, user, since, secondFactor, used, expires }) => {
      const how = secondFactor ? ", with a second factor" : "";
      return `${id}  browser of ${show(user)}${since === null ? "" : ` since ${since}`}${how}; used ${used}, until ${expires} at most\n`;
    }),
  ];
  return lines.length === 0 ? "there are no sessions\n" : lines.join("");
}
