import { Command } from "commander";
import { hashPassword } from "../../auth/users/password.ts";
import { endLogins } from "../../auth/users/user.ts";
import { voidTokens } from "../../authorization/revoke.ts";
import { nameOperator, reportDeed } from "../../state/deeds.ts";
import { withConfig } from "../config.ts";
import { reportFailure } from "../failure.ts";
import type { CommandIo } from "../io.ts";
import { withState } from "../state.ts";
import { changeUser, parseUserName } from "./name.ts";
import { readNewPassword } from "./secret.ts";

/** `sallyport user passwd`. Exit code 0 done, 2 it could not be done. */
export function passwdCommand(io: CommandIo): Command {
  return withConfig(new Command("passwd"))
    .description("give somebody another password, and have them log in again; it is asked for, or read from stdin")
    .argument("<name>", "user name", parseUserName)
    .action(async (name: string, { config }: { readonly config: string }) => {
      try {
        await withState(io, config, async (store, parts) => {
          const password = await hashPassword(await readNewPassword(name, parts));
          await changeUser(store, name, (user) => ({ ...user, password, ...endLogins(Date.now()) }));
          await voidTokens(store, name, { by: nameOperator(), reason: null, nowMs: Date.now() });
          await reportDeed(store, "user.passwd", { name }, Date.now());
        });
        io.out(`changed the password of ${name}\n`);
        io.exit(0);
      } catch (error) {
        reportFailure(io, error, undefined);
      }
    });
}
