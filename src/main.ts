import { Command, CommanderError } from "commander";
import { auditCommand } from "./commands/audit.ts";
import { backupCommand } from "./commands/backup.ts";
import { checkCommand } from "./commands/check.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { grantCommand } from "./commands/grant.ts";
import type { StreamIo } from "./commands/io.ts";
import { keyCommand } from "./commands/key.ts";
import { drain, watchReader } from "./commands/outlet.ts";
import { policyCommand } from "./commands/policy.ts";
import { quickstartCommand } from "./commands/quickstart.ts";
import { revokeCommand } from "./commands/revoke.ts";
import { serveCommand } from "./commands/serve.ts";
import { sessionCommand } from "./commands/session.ts";
import { tokenCommand } from "./commands/token.ts";
import { userCommand } from "./commands/user.ts";
import { didYouMean } from "./config/diagnose.ts";
import { version } from "./version.ts";

/**
 * Runs a command line.
 *
 * @param argv arguments after the program's name
 * @returns exit code: 0 ok, 1 failed or findings, 2 usage or could not run
 */
export async function main(argv: readonly string[]): Promise<number> {
  let code = 0;
  for (const stream of [process.stdout, process.stderr]) watchReader(stream);
  const io: StreamIo = {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    exit: (exitCode) => {
      code = exitCode;
    },
    drained: () => drain(process.stdout),
  };
  const program = new Command("sallyport")
    .description("Authenticating gateway in front of MCP servers")
    .version(version)
    .addCommand(serveCommand(io), { isDefault: true })
    .addCommand(quickstartCommand(io))
    .addCommand(checkCommand(io))
    .addCommand(doctorCommand(io))
    .addCommand(policyCommand(io))
    .addCommand(tokenCommand(io))
    .addCommand(keyCommand(io))
    .addCommand(userCommand(io))
    .addCommand(grantCommand(io))
    .addCommand(sessionCommand(io))
    .addCommand(revokeCommand(io))
    .addCommand(auditCommand(io))
    .addCommand(backupCommand(io));
  for (const command of listCommands(program)) {
    command.exitOverride().showHelpAfterError(`${nameInFull(command)} --help says how it is used`);
  }
  const [first = "-"] = argv;
  // The default command would take a mistyped one for its own argument.
  const known = ["help", ...program.commands.map((command) => command.name())];
  if (!first.startsWith("-") && !known.includes(first)) {
    const hint = didYouMean(first, known);
    io.err(`unknown command "${first}"${hint === undefined ? "" : ` (${hint})`}; sallyport --help lists them\n`);
    return 2;
  }
  try {
    await program.parseAsync(argv, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Help and version are what was asked for; anything else was not understood.
    return error.exitCode === 0 ? 0 : 2;
  }
  return code;
}

/** A command as it is typed. */
function nameInFull(command: Command): string {
  return command.parent === null ? command.name() : `${nameInFull(command.parent)} ${command.name()}`;
}

/** A command and all below it. */
function listCommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(listCommands)];
}
