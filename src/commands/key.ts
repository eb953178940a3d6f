import { Command } from "commander";
import type { CommandIo } from "./io.ts";
import { createCommand } from "./key/create.ts";
import { listCommand } from "./key/list.ts";
import { revokeCommand } from "./key/revoke.ts";

/** `sallyport key`: API keys, for machines that cannot log in. */
export function keyCommand(io: CommandIo): Command {
  return new Command("key")
    .description("API keys, for machines that cannot log in")
    .addCommand(createCommand(io))
    .addCommand(listCommand(io))
    .addCommand(revokeCommand(io));
}
