import { Command } from "commander";
import type { Restored } from "../../backup/restore.ts";
import type { CommandIo } from "../io.ts";
import { printJson } from "../printing.ts";
import { type OpenerOptions, readOpener, withOpener } from "./opener.ts";
import { runInterruptibly } from "./running.ts";
import { renderManifest, summarize } from "./summary.ts";

interface RestoreCommandOptions extends OpenerOptions {
  readonly to: string;
}

/** `sallyport backup restore`. Exit code 0 done, 1 the archive is damaged, 2 it could not be opened or restored. */
export function restoreCommand(io: CommandIo): Command {
  return withOpener(new Command("restore"))
    .description("write the files of an archive into a directory, each byte checked")
    .argument("<file>", "the archive")
    .requiredOption("--to <dir>", "directory that is empty, or not there yet; required")
    .action((file: string, options: RestoreCommandOptions) =>
      runInterruptibly(io, options.json, async (signal) => {
        const opener = readOpener(options);
        // Cryptography that no other command needs takes a while to load.
        const { restoreBackup } = await import("../../backup/restore.ts");
        const restored = await restoreBackup({ file, opener, signal, say: (text) => io.err(text) }, options.to);
        const { manifest, config, moves } = restored;
        if (options.json === true) {
          printJson(io, { ok: true, config, moves, ...summarize(manifest) });
        } else io.out(`${renderManifest(manifest)}${renderPlaces(restored)}`);
        io.exit(0);
      }),
    );
}

function renderPlaces({ manifest: { created }, config, hasStore, moves }: Restored): string {
  const lines = [`restored  ${config}`];
  // Nobody would notice that a thief has back what was taken from him.
  if (hasStore)
    lines.push("", `What was revoked, disabled, changed or used after ${created} is so no more: do it anew.`);
  if (moves.length > 0) lines.push("", "The configuration looks elsewhere for these; move them there:");
  return `${[...lines, ...moves.map(({ from, to }) => `${from} → ${to}`)].join("\n")}\n`;
}
