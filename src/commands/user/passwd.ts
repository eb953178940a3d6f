import { Command } from "commander";
import { endLogins } from "../../auth/users/user.ts";
import { endAllLogins } from "../../authorization/grants/revoke.ts";
import { tellOwner } from "../../authorization/news/keep.ts";
import { nameOperator, reportDeed } from "../../state/deeds.ts";
import { withConfig } from "../config.ts";
import { reportFailure } from "../failure.ts";
import type { CommandIo } from "../io.ts";
import { withState } from "../state.ts";
import { changeUser, parseUserName } from "./name.ts";
import { givePassword, permanentOption, sayTemporary } from "./password.ts";

interface PasswdOptions {
  readonly config: string;
  readonly permanent?: boolean;
}

/** `sallyport user passwd`. Exit code 0 done, 2 it could not be done. */
export function passwdCommand(io: CommandIo): Command {
  return withConfig(new Command("passwd"))
    .description(
      "show another password for somebody, with which they choose their own within three days; their logins end",
    )
    .argument("<name>", "user name", parseUserName)
    .option(...permanentOption)
    .action(async (name: string, { config, permanent = false }: PasswdOptions) => {
      try {
        const shown = await withState(io, config, async (store, parts) => {
          const given = await givePassword(name, permanent, parts, Date.now());
          await changeUser(store, name, ({ temporaryUntilMs: _, ...user }) => ({
            ...user,
            ...given.kept,
            ...endLogins(Date.now(), user),
          }));
          await endAllLogins(store, name, { by: nameOperator(), reason: null, nowMs: Date.now() });
          await reportDeed(store, "user.passwd", { name, temporary: !permanent }, Date.now());
          await tellOwner(store, name, permanent ? "password-changed" : "password-given", Date.now());
          return given.shown;
        });
        io.out(`changed the password of ${name}\n${sayTemporary(shown)}`);
        io.exit(0);
      } catch (error) {
        reportFailure(io, error, undefined);
      }
    });
}
