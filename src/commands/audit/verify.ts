import { readdir, readFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { Command } from "commander";
import type { Checkpoint } from "../../audit/checkpoint.ts";
import { checkpointSuffix } from "../../audit/files/layout.ts";
import { sanitizeText } from "../../audit/sanitize/sanitize.ts";
import { findAbsent } from "../../audit/verify/absent.ts";
import type { AuditFinding } from "../../audit/verify/report.ts";
import { openCheckpoint } from "../../audit/verify/signatures.ts";
import { type AuditReport, findTrails, verifyTrail } from "../../audit/verify/verify.ts";
import { loadParts } from "../../config/parts.ts";
import { readNotary } from "../../crypto/keyring.ts";
import { findNotes, type NoteVerifier, readVerifier } from "../../crypto/note.ts";
import { collect, hintAtConfig, withConfig } from "../config.ts";
import { reportFailure } from "../failure.ts";
import type { CommandIo } from "../io.ts";
import { nameFailure } from "../policy/records.ts";
import { printJson } from "../printing.ts";

interface VerifyOptions {
  readonly config: string;
  readonly key?: readonly string[];
  readonly checkpoint?: readonly string[];
  readonly json?: true;
}

/** `sallyport audit verify`. Exit code: 0 nothing found, 1 findings, 2 a file could not be read. */
export function verifyCommand(io: CommandIo): Command {
  return withConfig(new Command("verify"))
    .description("check that no record was changed, deleted, put in, moved or cut off")
    .argument("[path]", "audit file, or a directory of them; default: the directory that the configuration names")
    .option(
      "--key <key>",
      "public key of the checkpoints, as `audit key` prints it, or a file with it; repeatable",
      collect,
    )
    .option(
      "--checkpoint <file>",
      "checkpoints that were kept elsewhere: notes, or lines of the log; repeatable",
      collect,
    )
    .option("--json", "print one JSON object")
    .action(async (path: string | undefined, options: VerifyOptions, command: Command) => {
      try {
        const isNamed = command.getOptionValueSource("config") === "cli";
        const own = await (path === undefined
          ? readOwn(options.config)
          : readOther(path, isNamed ? options.config : null));
        const verifiers = [...own.verifiers, ...(await readKeys(options.key ?? []))];
        const notes = [...own.notes, ...(await readNotes(options.checkpoint ?? []))];
        const kept = notes.map((note) => openKept(note, verifiers));
        const found = await findTrails(own.directory);
        const trails: AuditReport[] = [];
        for (const trail of found) trails.push(await verifyTrail(own.directory, trail, { verifiers, kept }));
        // A file by itself does not say which trails there are.
        const comparable = found.every(({ whole }) => whole) ? kept : [];
        const names = trails.map(({ trail }) => trail);
        const absent = findAbsent(comparable, names);
        const ok = absent.length === 0 && trails.every((report) => report.ok);
        const [only] = trails;
        const report = trails.length === 1 ? { ...only, ok, absent } : { ok, trails, absent };
        if (options.json === true) printJson(io, report);
        else io.out([...absent.map(renderAbsent), ...trails.map(renderReport)].join("\n"));
        io.exit(ok ? 0 : 1);
      } catch (error) {
        reportFailure(
          io,
          nameFailure(hintAtConfig(error, options.config, "the trail itself"), path ?? ""),
          options.json,
        );
      }
    });
}

/** Where a configuration has its trails, what verifies them, and the last checkpoint of each. */
async function readOwn(configPath: string) {
  const { audit, state } = await loadParts(configPath, ["audit", "state"]);
  const verifier = await readNotary(state.directory);
  if (verifier === undefined) return { directory: audit.directory, verifiers: [], notes: [] };
  const names = (await readdir(state.directory)).filter((name) =>
    name.endsWith(checkpointSuffix(resolve(audit.directory))),
  );
  const notes = await readNotes(names.map((name) => join(state.directory, name)));
  return { directory: audit.directory, verifiers: [verifier], notes };
}

/** A copy may be older than the last checkpoint, so of a configuration that is named with it, the key counts alone. */
async function readOther(directory: string, configPath: string | null) {
  const verifiers = configPath === null ? [] : (await readOwn(configPath)).verifiers;
  return { directory, verifiers, notes: [] };
}

function readKeys(keys: readonly string[]): Promise<readonly NoteVerifier[]> {
  return Promise.all(
    keys.map(async (key) => {
      const found = readVerifier(key) ?? readVerifier((await readKeyFile(key)).trim());
      if (found === undefined) throw new Error(`${key}: there is no key in it, as \`sallyport audit key\` prints one`);
      return found;
    }),
  );
}

function readKeyFile(path: string): Promise<string> {
  return readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
    throw new Error(`--key ${path}: this is no key, as \`sallyport audit key\` prints one, and no such file`);
  });
}

async function readNotes(files: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(
    files.map(async (file) => {
      const notes = findNotes(await readFile(file, "utf8"));
      if (notes.length === 0) throw new Error(`${file}: there is no checkpoint in it`);
      return notes;
    }),
  );
  return found.flat();
}

/** One that nobody vouches for would prove nothing against a trail. */
function openKept(note: string, verifiers: readonly NoteVerifier[]): Checkpoint {
  if (verifiers.length === 0) throw new Error("checkpoints need the key that signed them: --key");
  const checkpoint = openCheckpoint(note, verifiers);
  if (checkpoint !== undefined) return checkpoint;
  throw new Error(`a checkpoint of ${sanitizeText(note.split("\n")[0] ?? "")} was not signed by a key that was given`);
}

const maxShown = 20;

function renderAbsent({ origin, seq }: Checkpoint): string {
  return (
    `NOT ok: a checkpoint that was kept is of record ${seq} of ${origin}, and no record of that trail is here: it was deleted, ` +
    "replaced, or is in another directory.\n"
  );
}

function renderReport(report: AuditReport): string {
  const { findings, tornTail, files } = report;
  const total = findings.length + report.moreFindings;
  const first = findings[0];
  const times = `${sanitizeText(report.firstTime ?? "")} to ${sanitizeText(report.lastTime ?? "")}`;
  const lines = [
    report.ok ? "ok" : `NOT ok: ${total} ${total === 1 ? "finding" : "findings"}`,
    "",
    ...files.map((file, index) => `${index === 0 ? "file " : "     "}     ${file}`),
    `records   ${report.records}${report.records === 0 ? "" : `, from ${times}`}`,
    `last      ${report.lastSeq}, hash ${report.lastHash}`,
    `signed    ${renderSigned(report)}`,
    `end       ${report.stopped ? "the gateway stopped in good order" : "no stop record: the gateway runs, was killed, or the end was cut off"}`,
  ];
  if (report.firstSeq > 1)
    lines.push(
      `begin     with record ${report.firstSeq}; what came before is not there any more, or was not looked at`,
    );
  if (report.removed > 0) lines.push(`removed   ${report.removed} records whose time was over, as other records say`);
  if (report.declaredTorn > 0) lines.push(`torn      ${report.declaredTorn}, each declared by the start that followed`);
  if (tornTail !== undefined) lines.push(`tail      line ${tornTail.line}, ${tornTail.bytes} bytes: ${tornTail.text}`);
  if (first !== undefined) {
    lines.push("", `${renderTrusted(first, files)}.`, "");
    lines.push(...findings.slice(0, maxShown).map(({ file, line, kind, text }) => `${file}:${line}: ${kind}: ${text}`));
    if (total > maxShown) lines.push(`… and ${total - maxShown} more`);
  }
  return `${lines.join("\n")}\n`;
}

/** What comes before the first finding; a cut is behind its line. */
function renderTrusted({ file, line, kind }: AuditFinding, files: readonly string[]): string {
  const last = kind === "cut" ? line : line - 1;
  if (last > 0) return `The trail can be trusted up to line ${last} of ${file}`;
  const before = files[files.findIndex((path) => basename(path) === file) - 1];
  if (before === undefined) return "Nothing of the trail can be trusted";
  return `The trail can be trusted up to the end of ${basename(before)}`;
}

function renderSigned({ signed, lastSeq }: AuditReport): string {
  if (signed === null) return "not looked at: give the key with --key";
  const { checkpoints, throughSeq } = signed;
  if (checkpoints === 0) return "nothing";
  return `through record ${throughSeq} of ${lastSeq}, ${checkpoints} ${checkpoints === 1 ? "checkpoint" : "checkpoints"}`;
}
