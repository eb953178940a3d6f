import { type McpSession, McpSessions } from "../audit/read/mcp-sessions.ts";
import { compileQuery } from "../audit/read/query.ts";
import { selectLines } from "../audit/read/select.ts";
import { createRevocationBook } from "../auth/revocations.ts";
import type { CommandIo } from "./io.ts";
import { findTrail, nameFailure } from "./policy/records.ts";
import { count, show, showId } from "./printing.ts";
import { withState } from "./state.ts";

/** Which sessions are meant. */
export interface McpSessionOptions {
  readonly config: string;
  readonly audit: readonly string[] | undefined;
  readonly user: string | undefined;
}

/** What {@link findMcpSessions} found. */
export interface FoundSessions {
  readonly sessions: readonly McpSession[];
  /** How many there are besides, which were not used for longest. */
  readonly left: number;
}

/**
 * The MCP sessions that are open as far as the audit trail tells, which is the only place that has them.
 *
 * @throws ConfigError, KeyFileError, StoreError, and Error where the trail cannot be read
 */
export async function findMcpSessions(
  io: CommandIo,
  { config, audit, user }: McpSessionOptions,
): Promise<FoundSessions> {
  const { paths, unlock } = await findTrail(io, audit, config);
  return await withState(io, config, async (store, { sessions: { lifetime } }) => {
    const revocations = createRevocationBook(store);
    await revocations.load();
    const nowMs = Date.now();
    // An id is accepted for so long after `initialize`: what was not used within that is over.
    const query = compileQuery({ since: new Date(nowMs - lifetime).toISOString() }, nowMs);
    const found = new McpSessions();
    try {
      for await (const { record } of selectLines(paths, query, unlock)) found.hear(record);
    } catch (error) {
      throw nameFailure(error, paths.join(", "));
    }
    const { sessions, left } = found.finish();
    const open = sessions.filter(({ fingerprint }) => !revocations.isSessionRevoked(fingerprint));
    return { sessions: open.filter(({ subject }) => user === undefined || subject === user), left };
  });
}

/** A line for each, and what there is besides. Whoever wrote the trail, nothing of it steers a terminal. */
export function renderMcpSessions({ sessions, left }: FoundSessions): string {
  const lines = sessions.map(({ fingerprint, server, issuer, subject, client, ip, since, used, messages }) => {
    const whose = subject === null ? "nobody known" : `${showId(subject)} (${show(issuer ?? "")})`;
    const by = client === null ? "" : ` by ${showId(client)}`;
    const from = ip === null ? "" : `, from ${show(ip)}`;
    const begun = since === null ? "" : ` since ${show(since)}`;
    const what = `MCP session of ${whose}${by} at ${show(server ?? "")}${from}${begun}`;
    return `${showId(fingerprint)}  ${what}; used ${show(used)}, ${count(messages, "message")}\n`;
  });
  if (left > 0) lines.push(`and ${left} that were not used for longer\n`);
  return lines.length === 0 ? "there are no MCP sessions\n" : lines.join("");
}
