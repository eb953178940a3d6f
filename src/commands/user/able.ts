import { Command } from "commander";
import { endLogins } from "../../auth/users/user.ts";
import { isFederated } from "../../authorization/federation/accounts.ts";
import { endAllLogins } from "../../authorization/grants/revoke.ts";
import { tellOwner } from "../../authorization/news/keep.ts";
import { nameOperator, reportDeed } from "../../state/deeds.ts";
import type { Store } from "../../state/store.ts";
import { withConfig } from "../config.ts";
import { reportFailure } from "../failure.ts";
import type { CommandIo } from "../io.ts";
import { withState } from "../state.ts";
import { ableFederated, parseAccountName } from "./federated.ts";
import { changeUser } from "./name.ts";

const said = {
  disable: {
    description: "let somebody log in no more, nor get another token; browsers are logged out",
    past: "disabled",
  },
  enable: { description: "let somebody log in again", past: "enabled" },
} as const;

/** `sallyport user disable` and `user enable`. Exit code 0 done, 2 it could not be done. */
export function ableCommand(io: CommandIo, verb: keyof typeof said): Command {
  const { description, past } = said[verb];
  return withConfig(new Command(verb))
    .description(description)
    .argument("<name>", "user name, or the subject of somebody who logs in elsewhere", parseAccountName)
    .action(async (name: string, { config }: { readonly config: string }) => {
      try {
        await withState(io, config, async (store) => {
          if (isFederated(name)) await ableFederated(store, name, verb === "disable", Date.now());
          else await ableOwn(store, name, verb);
          await reportDeed(store, `user.${verb}`, { name }, Date.now());
          if (verb === "disable") await tellOwner(store, name, "logins-ended", Date.now());
        });
        io.out(`${past} ${name}\n`);
        io.exit(0);
      } catch (error) {
        reportFailure(io, error, undefined);
      }
    });
}

async function ableOwn(store: Store, name: string, verb: keyof typeof said): Promise<void> {
  await changeUser(store, name, (user) =>
    verb === "enable" ? { ...user, disabled: false } : { ...user, disabled: true, ...endLogins(Date.now(), user) },
  );
  const revoker = { by: nameOperator(), reason: null, nowMs: Date.now() };
  if (verb === "disable") await endAllLogins(store, name, revoker);
}
