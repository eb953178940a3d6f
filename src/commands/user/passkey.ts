import { Command } from "commander";
import { dayOf, markOf } from "../../auth/users/passkeys/passkey.ts";
import { createPasskeys } from "../../auth/users/passkeys/passkeys.ts";
import { tellOwner } from "../../authorization/news/keep.ts";
import { reportDeed } from "../../state/deeds.ts";
import type { Store } from "../../state/store.ts";
import { withConfig } from "../config.ts";
import { reportFailure } from "../failure.ts";
import type { CommandIo } from "../io.ts";
import { printJson, printJsonLine } from "../printing.ts";
import { withState } from "../state.ts";
import { findUser, parseUserName } from "./name.ts";

interface PasskeyOptions {
  readonly config: string;
  readonly remove?: string;
  readonly removeAll?: true;
  readonly json?: true;
}

/** `sallyport user passkey`. Exit code 0 done, 2 it could not be done. */
export function passkeyCommand(io: CommandIo): Command {
  return withConfig(new Command("passkey"))
    .description("list somebody's passkeys, or take them away; they are added in a browser, at /oauth/account/passkeys")
    .argument("<name>", "user name", parseUserName)
    .option("--remove <id>", "take one away, by the id in the list")
    .option("--remove-all", "take all away")
    .option("--json", "print one JSON object")
    .action(async (name: string, options: PasskeyOptions) => {
      try {
        if (options.remove !== undefined && options.removeAll) throw new Error("--remove and --remove-all: take one");
        await withState(io, options.config, async (store) => {
          await findUser(store, name);
          const isChange = options.remove !== undefined || options.removeAll === true;
          await (isChange ? remove(io, store, name, options) : list(io, store, name, options));
        });
        io.exit(0);
      } catch (error) {
        reportFailure(io, error, options.json);
      }
    });
}

async function list(io: CommandIo, store: Store, name: string, { json }: PasskeyOptions): Promise<void> {
  const keys = await createPasskeys(store, Date.now).list(name);
  const listed = keys.map(({ id, label, createdAtMs, usedOn, copyable }) => ({
    ...{ id, label, copyable, usedOn },
    created: new Date(createdAtMs).toISOString(),
  }));
  if (json === true) return printJson(io, { name, passkeys: listed });
  const lines = keys.map(
    ({ id, label, createdAtMs, usedOn }) =>
      `${id}  ${label}; added on ${dayOf(createdAtMs)}, ${usedOn === null ? "not used yet" : `used last on ${usedOn}`}\n`,
  );
  io.out(lines.length === 0 ? `${name} has no passkeys\n` : lines.join(""));
}

async function remove(io: CommandIo, store: Store, name: string, options: PasskeyOptions): Promise<void> {
  const passkeys = createPasskeys(store, Date.now);
  const ids = options.remove === undefined ? (await passkeys.list(name)).map(({ id }) => id) : [options.remove];
  const removed: string[] = [];
  for (const id of ids) {
    if ((await passkeys.remove(name, id)) === null) continue;
    removed.push(id);
    await reportDeed(store, "user.passkey-remove", { name, which: markOf(id) }, Date.now());
    await tellOwner(store, name, "passkey-removed", Date.now());
  }
  if (removed.length === 0) {
    const hint = `\`sallyport user passkey ${name}\` lists them`;
    throw new Error(options.remove === undefined ? `${name} has no passkeys` : `${name} has no such passkey (${hint})`);
  }
  const count = `${removed.length} passkey${removed.length === 1 ? "" : "s"}`;
  if (options.json === true) printJsonLine(io, { name, removed });
  else io.out(`removed ${count} of ${name}\n`);
}
