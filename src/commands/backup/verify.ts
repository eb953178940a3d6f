import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { type Inspection, inspect } from "../../backup/check.ts";
import type { Manifest } from "../../backup/manifest.ts";
import type { CommandIo } from "../io.ts";
import { count, printJson } from "../printing.ts";
import { type OpenerOptions, readOpener, withOpener } from "./opener.ts";
import { runInterruptibly } from "./running.ts";
import { renderManifest, summarize } from "./summary.ts";

/**
 * `sallyport backup verify`: restores into a temporary directory and looks whether a gateway could go on from there. Exit code 0
 * it could, 1 findings, 2 it could not be opened.
 */
export function verifyCommand(io: CommandIo): Command {
  return withOpener(new Command("verify"))
    .description(
      "restore an archive into a temporary directory, and check every file, the keys, the configuration and the trail",
    )
    .argument("<file>", "the archive")
    .action((file: string, options: OpenerOptions) =>
      runInterruptibly(io, options.json, async (signal) => {
        const opener = readOpener(options);
        // Cryptography that no other command needs takes a while to load.
        const { unpackArchive } = await import("../../backup/unpack.ts");
        // mkdtemp(3) makes it for this user alone.
        const directory = await mkdtemp(join(tmpdir(), "sallyport-backup-"));
        try {
          const manifest = await unpackArchive({ file, opener, signal, say: (text) => io.err(text) }, directory);
          print(io, options.json, manifest, await unlessAborted(inspect(directory, manifest), signal), directory);
        } finally {
          await rm(directory, { recursive: true, force: true });
        }
      }),
    );
}

/** A trail may be long; what still reads it finds nothing any more when the directory is gone. */
function unlessAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  const { promise, reject } = Promise.withResolvers<never>();
  signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  return Promise.race([work, promise]);
}

function print(io: CommandIo, json: true | undefined, manifest: Manifest, found: Inspection, directory: string): void {
  const { key, trails } = found;
  // Where they lay for a moment tells nobody anything.
  const findings = found.findings.map((finding) => finding.replaceAll(`${directory}/`, ""));
  const ok = findings.length === 0;
  const records = trails.reduce((sum, report) => sum + report.records, 0);
  if (json === true) {
    printJson(io, { ok, ...summarize(manifest), key, records, findings });
  } else {
    const verdict = ok ? "ok" : `NOT ok: ${count(findings.length, "finding")}`;
    const checked = `keys      ${key ?? "none that are sound"}\nrecords   ${records}, each looked at\n`;
    io.out(
      `${verdict}\n\n${renderManifest(manifest)}${checked}${findings.map((finding) => `\n${finding}\n`).join("")}`,
    );
  }
  io.exit(ok ? 0 : 1);
}
