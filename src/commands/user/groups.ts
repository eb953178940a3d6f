import { Command } from "commander";
import { reportDeed } from "../../state/deeds.ts";
import { withConfig } from "../config.ts";
import { reportFailure } from "../failure.ts";
import type { CommandIo } from "../io.ts";
import { withState } from "../state.ts";
import { readGroups } from "../token.ts";
import { changeUser, parseUserName } from "./name.ts";

/** `sallyport user groups`. Exit code 0 done, 2 it could not be done. */
export function groupsCommand(io: CommandIo): Command {
  return withConfig(new Command("groups"))
    .description("put somebody into other groups, from the next token on; `sallyport revoke user` ends those of before")
    .argument("<name>", "user name", parseUserName)
    .argument("<groups>", 'all of them, as in policies: a,b, or "" for none', readGroups)
    .action(async (name: string, groups: string[], { config }: { readonly config: string }) => {
      try {
        await withState(io, config, async (store) => {
          await changeUser(store, name, (user) => ({ ...user, groups }));
          await reportDeed(store, "user.groups", { name, groups }, Date.now());
        });
        io.out(`${name} is in ${groups.length === 0 ? "no group" : groups.join(", ")}\n`);
        io.exit(0);
      } catch (error) {
        reportFailure(io, error, undefined);
      }
    });
}
