import { Command } from "commander";
import { listGrants } from "../authorization/grants.ts";
import { withConfig } from "./config.ts";
import { reportFailure } from "./failure.ts";
import type { CommandIo } from "./io.ts";
import { show } from "./policy/printing.ts";
import { withState } from "./state.ts";

interface ListOptions {
  readonly config: string;
  readonly user?: string;
  readonly client?: string;
  readonly json?: true;
}

/** `sallyport grant list`. Exit code 0 done, 2 it could not be done. */
export function grantCommand(io: CommandIo): Command {
  const list = withConfig(new Command("list"))
    .description("list which client may act for whom, and with which scopes")
    .option("--user <name>", "of this user only")
    .option("--client <id>", "of this client only")
    .option("--json", "print one JSON object")
    .action(async ({ config, user, client, json }: ListOptions) => {
      try {
        const all = await withState(io, config, (store) => listGrants(store));
        const grants = all
          .filter(
            (grant) => (user === undefined || grant.user === user) && (client === undefined || grant.client === client),
          )
          .map(({ sinceMs, ...grant }) => ({ ...grant, since: new Date(sinceMs).toISOString() }));
        const lines = grants.map(({ id, user, client, scopes, since }) => {
          const servers = Object.entries(scopes).map(([resource, granted]) => `${resource} (${granted})`);
          return `${id}  ${show(user)} to ${show(client)} since ${since}: ${show(servers.join(", "))}\n`;
        });
        if (json === true) io.out(`${JSON.stringify({ grants }, null, 2)}\n`);
        else io.out(lines.length === 0 ? "there are no grants\n" : lines.join(""));
        io.exit(0);
      } catch (error) {
        reportFailure(io, error, json);
      }
    });
  return new Command("grant").description("what people have let clients do").addCommand(list);
}
