import { Command } from "commander";
import { readHold } from "../../audit/keep/hold.ts";
import type { Order } from "../../audit/keep/orders.ts";
import { loadParts } from "../../config/parts.ts";
import { hintAtConfig, withConfig } from "../config.ts";
import { reportFailure } from "../failure.ts";
import type { CommandIo } from "../io.ts";
import { printJson, show } from "../printing.ts";
import { give, openOrdered } from "./ordering.ts";

interface HoldOptions {
  readonly config: string;
  readonly json?: true;
}

/** `sallyport audit hold`. Exit code 0 done, 2 it could not be done; of `show` 0 there is a hold, 1 there is none. */
export function holdCommand(io: CommandIo): Command {
  const hold = new Command("hold").description("keep everything: no file expires, nothing is shredded or erased");
  const add = (name: string) => withConfig(hold.command(name)).option("--json", "print one JSON object");
  add("set")
    .description("begin a legal hold")
    .requiredOption("--reason <text>", "why, as the trail will say it, in clear; required")
    .action(({ reason, ...options }: HoldOptions & { readonly reason: string }) =>
      order(io, options, { action: "hold", reason }, "held"),
    );
  add("lift")
    .description("end it")
    .action((options: HoldOptions) => order(io, options, { action: "lift" }, "lifted"));
  add("show")
    .description("say whether there is one: exit code 0, or 1 where there is none")
    .action(async ({ config, json }: HoldOptions) => {
      try {
        const found = await readHold((await loadParts(config, ["audit"])).audit.directory);
        if (json === true) printJson(io, { hold: found });
        else io.out(found === null ? "no hold\n" : `held since ${show(found.since)}: ${show(found.reason)}\n`);
        io.exit(found === null ? 1 : 0);
      } catch (error) {
        reportFailure(io, hintAtConfig(error, config), json);
      }
    });
  return hold;
}

async function order(io: CommandIo, { config, json }: HoldOptions, wanted: Order, done: string): Promise<void> {
  try {
    const trail = await openOrdered(config);
    await give(wanted, trail, "audit hold");
    if (json === true) printJson(io, { ok: true, hold: await readHold(trail.directory) });
    else io.out(`${done}\n`);
    io.exit(0);
  } catch (error) {
    reportFailure(io, hintAtConfig(error, config), json);
  }
}
