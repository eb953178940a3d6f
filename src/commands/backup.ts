import { Command } from "commander";
import { createCommand } from "./backup/create.ts";
import { restoreCommand } from "./backup/restore.ts";
import { verifyCommand } from "./backup/verify.ts";
import type { CommandIo } from "./io.ts";

/** `sallyport backup`: one file for each command in backup/. */
export function backupCommand(io: CommandIo): Command {
  return new Command("backup")
    .description("back up configuration, keys and audit trail, and restore them")
    .addCommand(createCommand(io))
    .addCommand(verifyCommand(io))
    .addCommand(restoreCommand(io));
}
