import { Command } from "commander";
import { type ApiKey, apiKeys, standingOf } from "../../auth/api-keys/api-key.ts";
import { lastUses } from "../../auth/api-keys/last-use.ts";
import { withConfig } from "../config.ts";
import { reportFailure } from "../failure.ts";
import type { CommandIo } from "../io.ts";
import { printJson } from "../printing.ts";
import { withState } from "../state.ts";

/** `sallyport key list`. Exit code 0 done, 2 it could not be done. */
export function listCommand(io: CommandIo): Command {
  return withConfig(new Command("list"))
    .description("list API keys, those that were revoked in the last 30 days included")
    .option("--json", "print one JSON object")
    .action(async ({ config, json }: { readonly config: string; readonly json?: true }) => {
      try {
        const { entries, uses } = await withState(io, config, async (store) => ({
          entries: await store.list(apiKeys),
          uses: new Map((await store.list(lastUses)).map(({ key, value }) => [key, value.day])),
        }));
        const nowMs = Date.now();
        const keys = entries
          .map(({ key, value }) => describe(key, value, uses.get(value.id) ?? null, nowMs))
          .toSorted((a, b) => (a.name < b.name ? -1 : 1));
        if (json === true) printJson(io, { keys });
        else io.out(keys.length === 0 ? "there are no keys\n" : keys.map(renderLine).join(""));
        io.exit(0);
      } catch (error) {
        reportFailure(io, error, json);
      }
    });
}

interface Described {
  readonly name: string;
  readonly id: string;
  readonly state: string;
  readonly subject: string;
  readonly groups: readonly string[];
  readonly scopes: readonly string[];
  readonly servers: readonly string[] | null;
  readonly from: readonly string[] | null;
  readonly created: string;
  readonly expires: string | null;
  readonly revoked: string | null;
  /** A day, in UTC. */
  readonly lastUsed: string | null;
}

function describe(name: string, key: ApiKey, lastUsed: string | null, nowMs: number): Described {
  const { id, subject, groups, scopes, servers, from, createdAtMs, expiresAtMs, revokedAtMs } = key;
  const state = standingOf(key, nowMs);
  const times = { created: iso(createdAtMs) ?? "", expires: iso(expiresAtMs), revoked: iso(revokedAtMs) };
  return { name, id, state, subject, groups, scopes, servers, from, ...times, lastUsed };
}

function iso(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}

function renderLine({
  name,
  id,
  state,
  subject,
  groups,
  servers,
  from,
  expires,
  revoked,
  lastUsed,
}: Described): string {
  const parts = [
    `${name} (spk_${id}…)`,
    state === "revoked" ? `revoked ${revoked}` : `${state}, ${expires === null ? "no end" : `until ${expires}`}`,
    `for ${subject}${groups.length > 0 ? ` in ${groups.join(", ")}` : ""}`,
    servers === null ? "all servers" : `servers ${servers.join(", ")}`,
    from === null ? "from anywhere" : `from ${from.join(", ")}`,
    lastUsed === null ? "never used" : `last used ${lastUsed}`,
  ];
  return `${parts.join("; ")}\n`;
}
