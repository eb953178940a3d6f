import { Command, Option } from "commander";
import { BackupError } from "../../backup/fault.ts";
import type { Lock } from "../../backup/keys.ts";
import { renderBytes } from "../../backup/progress.ts";
import { version } from "../../version.ts";
import { hintAtConfig, withConfig } from "../config.ts";
import type { CommandIo } from "../io.ts";
import { printJson } from "../printing.ts";
import { runInterruptibly } from "./running.ts";
import { renderManifest, summarize } from "./summary.ts";

interface CreateCommandOptions {
  readonly config: string;
  readonly out: string;
  readonly recipient?: readonly string[];
  readonly passphraseFile?: string;
  readonly force?: true;
  readonly json?: true;
}

/** `sallyport backup create`. Exit code 0 done, 2 it could not be made. */
export function createCommand(io: CommandIo): Command {
  return withConfig(new Command("create"))
    .description(
      "write configuration, policies, keys and audit trail to one encrypted archive, while the gateway runs or not",
    )
    .requiredOption("--out <file>", "the archive, readable by its owner alone; required")
    .option(
      "--recipient <key>",
      "public key of age that it is encrypted for; repeatable",
      (value: string, before: readonly string[] = []) => [...before, value],
    )
    .addOption(
      new Option("--passphrase-file <file>", "file with a passphrase that it is encrypted with").conflicts("recipient"),
    )
    .option("--force", "write it even if there is such a file")
    .option("--json", "print one JSON object")
    .action((options: CreateCommandOptions) =>
      runInterruptibly(io, options.json, async (signal) => {
        const { config: configFile, out, force = false, json } = options;
        // Cryptography that no other command needs takes a while to load.
        const { createBackup } = await import("../../backup/create.ts");
        const made = await createBackup({
          ...{ configFile, out, force, version, signal },
          lock: readLock(options),
          now: new Date(),
          say: (text) => io.err(text),
        }).catch((error) => {
          throw hintAtConfig(error, configFile);
        });
        const { manifest, bytes, warnings } = made;
        for (const warning of warnings) io.err(`${warning}\n`);
        if (json === true) {
          const summary = { file: out, archiveBytes: bytes, ...summarize(manifest), warnings };
          printJson(io, { ok: true, ...summary });
        } else io.out(`${out} (${renderBytes(bytes)})\n\n${renderManifest(manifest)}`);
        io.exit(0);
      }),
    );
}

/** A backup holds the keys of the gateway, so none is made that anybody can read. */
function readLock({ recipient: recipients = [], passphraseFile }: CreateCommandOptions): Lock {
  if (passphraseFile !== undefined) return { passphraseFile };
  if (recipients.length > 0) return { recipients };
  throw new BackupError(
    "who may open the backup? --recipient names a public key of age, --passphrase-file a file with a passphrase",
  );
}
