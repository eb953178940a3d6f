import { Command } from "commander";
import { loadParts } from "../config/parts.ts";
import { readNotary } from "../crypto/keyring.ts";
import { eraseCommand } from "./audit/erase.ts";
import { exportCommand } from "./audit/export.ts";
import { fingerprintCommand } from "./audit/fingerprint.ts";
import { holdCommand } from "./audit/hold.ts";
import { searchCommand } from "./audit/search.ts";
import { shredCommand } from "./audit/shred.ts";
import { statsCommand } from "./audit/stats.ts";
import { tailCommand } from "./audit/tail.ts";
import { verifyCommand } from "./audit/verify.ts";
import { hintAtConfig, withConfig } from "./config.ts";
import { reportFailure } from "./failure.ts";
import type { StreamIo } from "./io.ts";
import { printJsonLine } from "./printing.ts";

/** `sallyport audit`. */
export function auditCommand(io: StreamIo): Command {
  const audit = new Command("audit").description("look at the audit trail");
  const commands = [verifyCommand, searchCommand, tailCommand, statsCommand, exportCommand, fingerprintCommand];
  for (const command of [...commands, shredCommand, eraseCommand, holdCommand]) {
    audit.addCommand(command(io));
  }
  withConfig(audit.command("key"))
    .description("print the public key that verifies the checkpoints of the trail")
    .option("--json", "print one JSON object")
    .action(async ({ config, json }: { readonly config: string; readonly json?: true }) => {
      try {
        const { directory } = (await loadParts(config, ["state"])).state;
        const key = await readNotary(directory);
        if (key === undefined) throw new Error(`there are no keys in ${directory} yet: the first start makes them`);
        if (json === true) printJsonLine(io, { name: key.name, key: key.text });
        else io.out(`${key.text}\n`);
        io.exit(0);
      } catch (error) {
        reportFailure(io, hintAtConfig(error, config), json);
      }
    });
  return audit;
}
