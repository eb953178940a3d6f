import { Command } from "commander";
import { users } from "../../auth/users/user.ts";
import { reportDeed } from "../../state/deeds.ts";
import { withConfig } from "../config.ts";
import { reportFailure } from "../failure.ts";
import type { CommandIo } from "../io.ts";
import { printJsonLine } from "../printing.ts";
import { withState } from "../state.ts";
import { readGroups } from "../token.ts";
import { parseUserName } from "./name.ts";
import { givePassword, permanentOption, sayTemporary } from "./password.ts";

interface AddOptions {
  readonly config: string;
  readonly groups: string[];
  readonly permanent?: boolean;
  readonly json?: true;
}

/** `sallyport user add`. Exit code 0 done, 2 it could not be done. */
export function addCommand(io: CommandIo): Command {
  return withConfig(new Command("add"))
    .description("add somebody, and show a password with which they choose their own within three days")
    .argument("<name>", "how they log in, and the subject of their tokens", parseUserName)
    .option("--groups <a,b>", "groups, as in policies", readGroups, [])
    .option(...permanentOption)
    .option("--json", "print one JSON object")
    .action(async (name: string, { config, groups, permanent = false, json }: AddOptions) => {
      try {
        const { isOn, shown } = await withState(io, config, async (store, parts) => {
          if ((await store.get(users, name)) !== null) throw new Error(`there is a user ${name} already`);
          const { kept, shown } = await givePassword(name, permanent, parts, Date.now());
          const nowMs = Date.now();
          const user = { groups, ...kept, disabled: false, createdAtMs: nowMs, loginsFrom: 0 };
          if ((await store.put(users, name, user, { expected: 0 })) === null)
            throw new Error(`there is a user ${name} already`);
          await reportDeed(store, "user.add", { name, groups, temporary: !permanent }, nowMs);
          const { enabled, login } = parts.identity.builtin;
          return { isOn: enabled && login.enabled, shown };
        });
        if (json === true) printJsonLine(io, { name, groups, ...shown });
        else io.out(`added ${name}\n${sayTemporary(shown)}`);
        if (groups.length === 0)
          io.err(
            "In no group, so only what policies give to this name or to everybody: `sallyport user groups` gives some.\n",
          );
        if (!isOn) io.err("Nobody can log in yet: set identity.builtin.login.enabled to true.\n");
        io.exit(0);
      } catch (error) {
        reportFailure(io, error, json);
      }
    });
}
