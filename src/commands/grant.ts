import { Command } from "commander";
import { listGrants, readClientNames } from "../authorization/grants/grants.ts";
import { listLogins } from "../upstream/vault/logins.ts";
import { withConfig } from "./config.ts";
import { reportFailure } from "./failure.ts";
import type { CommandIo } from "./io.ts";
import { printJson, show } from "./printing.ts";
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
    .description("list which client may act for whom, and with which scopes, and who is logged in at which server")
    .option("--user <name>", "of this user only")
    .option("--client <id>", "of this client only")
    .option("--json", "print one JSON object")
    .action(async (options: ListOptions) => {
      try {
        const found = await findGrants(io, options);
        if (options.json === true) printJson(io, found);
        else io.out(renderGrants(found));
        io.exit(0);
      } catch (error) {
        reportFailure(io, error, options.json);
      }
    });
  return new Command("grant").description("what people have let clients and the gateway do").addCommand(list);
}

async function findGrants(io: CommandIo, { config, user, client }: ListOptions) {
  const [grants, logins, names] = await withState(io, config, (store) =>
    Promise.all([listGrants(store), listLogins(store), readClientNames(store)]),
  );
  return {
    grants: grants
      .filter(
        (grant) => (user === undefined || grant.user === user) && (client === undefined || grant.client === client),
      )
      .map(({ sinceMs, ...grant }) => ({
        ...{ ...grant, clientName: names.get(grant.client) ?? null },
        since: new Date(sinceMs).toISOString(),
      })),
    // A login is the user's own, whichever client it is used by.
    logins: logins
      .filter(({ subject }) => client === undefined && (user === undefined || subject === user))
      .map(({ subject, server, authorizationServer, scopes, sinceMs }) => {
        const since = new Date(sinceMs).toISOString();
        return { user: subject, server, authorizationServer, scopes, since };
      }),
  };
}

function renderGrants({ grants, logins }: Awaited<ReturnType<typeof findGrants>>): string {
  const lines = grants.map(({ id, user, client, clientName, scopes, since }) => {
    const servers = Object.entries(scopes).map(([resource, granted]) => `${resource} (${granted})`);
    const whom = clientName === null ? showClient(client) : `${showClient(client)} (${show(clientName)})`;
    return `${id}  ${show(user)} to ${whom} since ${since}: ${show(servers.join(", "))}\n`;
  });
  const loginLines = logins.map(({ user, server, authorizationServer, scopes, since }) => {
    const granted = scopes.length === 0 ? "" : ` (${show(scopes.join(" "))})`;
    return `${show(user)} is logged in at ${server} since ${since}: ${show(authorizationServer)}${granted}\n`;
  });
  return [...(lines.length === 0 ? ["there are no grants\n"] : lines), ...loginLines].join("");
}

/** An id that the gateway made is as random as a secret, and is none: `revoke client` takes it as it is here. */
function showClient(id: string): string {
  return /^[\w-]+$/.test(id) ? id : show(id);
}
