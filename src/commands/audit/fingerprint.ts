import { Command } from "commander";
import { markTextOf } from "../../audit/sanitize/keyed-mark.ts";
import { loadParts } from "../../config/parts.ts";
import { readPermanentKeys } from "../../crypto/keyring.ts";
import { hintAtConfig, withConfig } from "../config.ts";
import { reportFailure } from "../failure.ts";
import type { CommandIo } from "../io.ts";
import { printJson } from "../printing.ts";
import { readSecret } from "../user/secret.ts";

/** `sallyport audit fingerprint`. Exit code 0 printed, 2 there is no value or no key ring. */
export function fingerprintCommand(io: CommandIo): Command {
  return withConfig(new Command("fingerprint"))
    .description("print what stands in records in place of a secret, to search for; the secret is read from stdin")
    .option("--json", "print one JSON object")
    .action(async ({ config, json }: { readonly config: string; readonly json?: true }) => {
      try {
        const { directory } = (await loadParts(config, ["state"])).state;
        const keys = await readPermanentKeys(directory);
        if (keys === undefined) throw new Error(`there are no keys in ${directory} yet: the first start makes them`);
        const secret = await readSecret("Secret: ");
        if (secret.trim() === "") throw new Error("there is no secret: it is read from stdin, never an argument");
        const mark = markTextOf(secret, keys.fingerprint);
        if (json === true) printJson(io, { mark });
        else io.out(`${mark}\n`);
        io.exit(0);
      } catch (error) {
        reportFailure(io, hintAtConfig(error, config), json);
      }
    });
}
