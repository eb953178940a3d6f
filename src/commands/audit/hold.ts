import { Command } from "commander";
import { readHold } from "../../audit/keep/hold.ts";
import type { Order } from "../../audit/keep/orders.ts";
import { loadParts } from "../../config/parts.ts";
import { hintAtConfig, withConfig } from "../config.ts";
import { reportFailure } from "../failure.ts";
import type { CommandIo } from "../io.ts";
import { show } from "../policy/printing.ts";
import { give, openOrdered } from "./ordering.ts";

/** `sallyport audit hold`. Exit code 0 done, 2 it could not be done; of `show` 0 there is a hold, 1 there is none. */
export function holdCommand(io: CommandIo): Command {
  const hold = new Command("hold").description("keep everything: no file expires, nothing is shredded or erased");
  withConfig(hold.command("set"))
    .description("begin a legal hold")
    .requiredOption("--reason <text>", "why, as the trail will say it; required")
    .action(({ config, reason }: { readonly config: string; readonly reason: string }) =>
      order(io, config, { action: "hold", reason }, "held"),
    );
  withConfig(hold.command("lift"))
    .description("end it")
    .action(({ config }: { readonly config: string }) => order(io, config, { action: "lift" }, "lifted"));
  withConfig(hold.command("show"))
    .description("say whether there is one: exit code 0, or 1 where there is none")
    .action(async ({ config }: { readonly config: string }) => {
      try {
        const found = await readHold((await loadParts(config, ["audit"])).audit.directory);
        io.out(found === null ? "no hold\n" : `held since ${show(found.since)}: ${show(found.reason)}\n`);
        io.exit(found === null ? 1 : 0);
      } catch (error) {
        reportFailure(io, hintAtConfig(error, config), undefined);
      }
    });
  return hold;
}

async function order(io: CommandIo, config: string, wanted: Order, done: string): Promise<void> {
  try {
    await give(wanted, await openOrdered(config), `audit hold`);
    io.out(`${done}\n`);
    io.exit(0);
  } catch (error) {
    reportFailure(io, hintAtConfig(error, config), undefined);
  }
}
