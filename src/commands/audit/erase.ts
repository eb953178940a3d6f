import { Command } from "commander";
import { OrderError } from "../../audit/keep/orders.ts";
import { contextOf } from "../../config/context.ts";
import { loadParts } from "../../config/parts.ts";
import { hintAtConfig, nameUnknownIssuer, withConfig } from "../config.ts";
import { reportFailure } from "../failure.ts";
import type { CommandIo } from "../io.ts";
import { printJson, show } from "../printing.ts";
import { confirm, give, openOrdered, unconfirmed } from "./ordering.ts";

interface EraseOptions {
  readonly config: string;
  readonly subject: string;
  readonly issuer: string;
  readonly yes?: true;
  readonly json?: true;
}

/** `sallyport audit erase`. Exit code 0 done, 1 not confirmed, 2 it could not be done. */
export function eraseCommand(io: CommandIo): Command {
  return withConfig(new Command("erase"))
    .description(
      "destroy the key of one person: who they are and what they asked with is gone from all encrypted records",
    )
    .requiredOption("--subject <name>", "subject of their tokens; required")
    .requiredOption("--issuer <name>", "issuer, as in the configuration; required")
    .option("--yes", "do not ask")
    .option("--json", "print one JSON object")
    .action(async ({ config, subject, issuer, yes, json }: EraseOptions) => {
      try {
        const trail = await openOrdered(config);
        const person = trail.vault.nameOf(issuer, subject);
        const who = `${show(subject)} (${show(issuer)}), called ${person}`;
        if (yes !== true && !(await confirm(`Nobody will ever know what ${who}, did.`)))
          return reportFailure(io, unconfirmed, json, 1);
        await give({ action: "erase", person }, trail, "audit erase").catch((error) =>
          suspectIssuer(error, config, issuer),
        );
        if (json === true) printJson(io, { ok: true, person });
        else io.out(`erased ${who}\n`);
        io.exit(0);
      } catch (error) {
        reportFailure(io, hintAtConfig(error, config), json);
      }
    });
}

/** Records of an issuer that is gone can be erased, so that its name may be a mistake is said only where nothing was found. */
async function suspectIssuer(error: unknown, config: string, issuer: string): Promise<never> {
  if (!(error instanceof OrderError)) throw error;
  const parts = await loadParts(config, ["servers", "identity"]).catch(() => null);
  const unknown = parts === null ? undefined : nameUnknownIssuer(issuer, contextOf(parts).issuers);
  throw unknown === undefined ? error : new OrderError(`${error.message}; ${unknown}`);
}
