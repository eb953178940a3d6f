import { Command } from "commander";
import type { CommandIo } from "./io.ts";
import { ableCommand } from "./user/able.ts";
import { addCommand } from "./user/add.ts";
import { groupsCommand } from "./user/groups.ts";
import { listCommand } from "./user/list.ts";
import { passkeyCommand } from "./user/passkey.ts";
import { passwdCommand } from "./user/passwd.ts";
import { totpCommand } from "./user/totp.ts";

/** `sallyport user`: those who log in at the gateway itself. */
export function userCommand(io: CommandIo): Command {
  return new Command("user")
    .description("people who log in at the gateway itself")
    .addCommand(addCommand(io))
    .addCommand(listCommand(io))
    .addCommand(groupsCommand(io))
    .addCommand(passwdCommand(io))
    .addCommand(totpCommand(io))
    .addCommand(passkeyCommand(io))
    .addCommand(ableCommand(io, "disable"))
    .addCommand(ableCommand(io, "enable"));
}
