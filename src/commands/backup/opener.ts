import { type Command, Option } from "commander";
import { BackupError } from "../../backup/fault.ts";
import type { Opener } from "../../backup/keys.ts";

/** Options that say what opens a backup. */
export interface OpenerOptions {
  readonly identity?: string;
  readonly passphraseFile?: string;
  readonly json?: true;
}

/** Gives a command the options of {@link OpenerOptions}. */
export function withOpener(command: Command): Command {
  return command
    .addOption(
      new Option("--identity <file>", "file with the secret key, as age-keygen writes one").conflicts("passphraseFile"),
    )
    .option("--passphrase-file <file>", "file with the passphrase")
    .option("--json", "print one JSON object");
}

/** @throws BackupError when nothing is named */
export function readOpener({ identity, passphraseFile }: OpenerOptions): Opener {
  if (identity !== undefined) return { identityFile: identity };
  if (passphraseFile !== undefined) return { passphraseFile };
  throw new BackupError(
    "what opens the backup? --identity names a file with the secret key, --passphrase-file one with the passphrase",
  );
}
