import { Command } from "commander";
import { reportDeed } from "../../state/deeds.ts";
import { withConfig } from "../config.ts";
import { reportFailure } from "../failure.ts";
import type { CommandIo } from "../io.ts";
import { withState } from "../state.ts";
import { changeUser, parseUserName } from "./name.ts";

const said = {
  disable: { description: "let somebody log in no more, nor get another token", past: "disabled" },
  enable: { description: "let somebody log in again", past: "enabled" },
} as const;

/** `sallyport user disable` and `user enable`. Exit code 0 done, 2 it could not be done. */
export function ableCommand(io: CommandIo, verb: keyof typeof said): Command {
  const { description, past } = said[verb];
  return withConfig(new Command(verb))
    .description(description)
    .argument("<name>", "user name", parseUserName)
    .action(async (name: string, { config }: { readonly config: string }) => {
      try {
        await withState(io, config, async (store) => {
          await changeUser(store, name, (user) => ({ ...user, disabled: verb === "disable" }));
          await reportDeed(store, `user.${verb}`, { name }, Date.now());
        });
        io.out(`${past} ${name}\n`);
        io.exit(0);
      } catch (error) {
        reportFailure(io, error, undefined);
      }
    });
}
