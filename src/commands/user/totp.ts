import { createInterface } from "node:readline/promises";
import { Command } from "commander";
import {
  createSecondFactor,
  type NewSecondFactor,
  type SecondFactor,
  secondFactors,
  spendCode,
} from "../../auth/users/second-factor.ts";
import { encodeBase32, otpauthUri } from "../../auth/users/totp.ts";
import { tellOwner } from "../../authorization/news/keep.ts";
import { reportDeed } from "../../state/deeds.ts";
import type { Store } from "../../state/store.ts";
import { withConfig } from "../config.ts";
import { reportFailure } from "../failure.ts";
import type { CommandIo } from "../io.ts";
import { printJsonLine } from "../printing.ts";
import { withState } from "../state.ts";
import { findUser, parseUserName } from "./name.ts";

interface TotpOptions {
  readonly config: string;
  readonly remove?: true;
  readonly yes?: true;
  readonly json?: true;
}

/** `sallyport user totp`. Exit code 0 done, 2 it could not be done. */
export function totpCommand(io: CommandIo): Command {
  return withConfig(new Command("totp"))
    .description("give somebody a second factor: a secret for an authenticator app, and recovery codes; shown once")
    .argument("<name>", "user name", parseUserName)
    .option("--remove", "take it away, as where the app is lost")
    .option("--yes", "do not ask for a code of the app to confirm that it works")
    .option("--json", "print one JSON object, and ask for nothing")
    .action(async (name: string, options: TotpOptions) => {
      try {
        await withState(io, options.config, async (store) => {
          await findUser(store, name);
          await (options.remove === true ? remove(io, store, name, options) : add(io, store, name, options));
        });
        io.exit(0);
      } catch (error) {
        reportFailure(io, error, options.json);
      }
    });
}

async function add(io: CommandIo, store: Store, name: string, { yes, json }: TotpOptions): Promise<void> {
  if ((await store.get(secondFactors, name)) !== null) throw existing(name);
  const made = createSecondFactor();
  const shown = { name, uri: otpauthUri("Sallyport", name, made.secret), secret: encodeBase32(made.secret) };
  if (json !== true) {
    io.out(`${shown.uri}\nsecret, where the app asks for it: ${shown.secret}\n`);
  }
  const factor = yes === true || json === true ? made.factor : await confirm(made);
  if ((await store.put(secondFactors, name, factor, { expected: 0 })) === null) throw existing(name);
  await reportDeed(store, "user.totp-add", { name }, Date.now());
  await tellOwner(store, name, "factor-added", Date.now());
  if (json === true) printJsonLine(io, { ...shown, recoveryCodes: made.recovery });
  else
    io.out(
      `recovery codes, each good once without the app:\n${made.recovery.join("\n")}\n${name} now logs in with a code\n`,
    );
}

async function remove(io: CommandIo, store: Store, name: string, { json }: TotpOptions): Promise<void> {
  if (!(await store.delete(secondFactors, name))) throw new Error(`${name} has no second factor`);
  await reportDeed(store, "user.totp-remove", { name }, Date.now());
  await tellOwner(store, name, "factor-removed", Date.now());
  if (json === true) printJsonLine(io, { name, removed: true });
  else io.out(`${name} now logs in without a code\n`);
}

function existing(name: string): Error {
  return new Error(`${name} has a second factor already; take it away first: sallyport user totp ${name} --remove`);
}

const tries = 3;

/**
 * Has a code of the app typed, so that nobody is locked out by a secret that never got there.
 *
 * @throws Error where none is right
 */
async function confirm({ factor }: NewSecondFactor): Promise<SecondFactor> {
  const ask = () => process.stderr.write("Code of the app: ");
  ask();
  let tried = 0;
  for await (const line of createInterface({ input: process.stdin })) {
    const spent = spendCode(factor, line, Date.now());
    if (spent?.by === "totp") return spent.left;
    tried += 1;
    if (tried === tries) break;
    ask();
  }
  throw new Error("no code was right, so nothing was changed; is the clock of the app and of this machine right?");
}
