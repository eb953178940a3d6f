import { Command } from "commander";
import { users } from "../../auth/users/user.ts";
import { withConfig } from "../config.ts";
import { reportFailure } from "../failure.ts";
import type { CommandIo } from "../io.ts";
import { withState } from "../state.ts";

/** `sallyport user list`. Exit code 0 done, 2 it could not be done. */
export function listCommand(io: CommandIo): Command {
  return withConfig(new Command("list"))
    .description("list users")
    .option("--json", "print one JSON object")
    .action(async ({ config, json }: { readonly config: string; readonly json?: true }) => {
      try {
        const entries = await withState(io, config, (store) => store.list(users));
        const listed = entries
          .map(({ key: name, value: { groups, disabled, createdAtMs } }) => ({
            ...{ name, groups, disabled },
            created: new Date(createdAtMs).toISOString(),
          }))
          .toSorted((a, b) => (a.name < b.name ? -1 : 1));
        const lines = listed.map(
          ({ name, groups, disabled }) =>
            `${name}${groups.length > 0 ? ` (${groups.join(", ")})` : ""}${disabled ? "; disabled" : ""}\n`,
        );
        if (json === true) io.out(`${JSON.stringify({ users: listed }, null, 2)}\n`);
        else io.out(lines.length === 0 ? "there are no users\n" : lines.join(""));
        io.exit(0);
      } catch (error) {
        reportFailure(io, error, json);
      }
    });
}
