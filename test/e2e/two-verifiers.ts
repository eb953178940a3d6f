/** Both verifiers of the trail, which share no code: `audit verify` and docs/verify-audit.py. */
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { auditCommand } from "../../src/commands/audit.ts";

const script = join(import.meta.dirname, "../../docs/verify-audit.py");

/** By their names in the directory. */
export type Files = Map<string, Buffer>;
/** Exit codes: without anything, with the key, and with checkpoints that were kept as well. */
export type Codes = readonly [number, number, number];

/**
 * Puts files into a directory and asks both verifiers.
 *
 * @param key that signs checkpoints
 * @param log lines of a gateway
 */
export async function judge(
  directory: string,
  files: Files,
  key: string,
  log: readonly string[],
): Promise<{ ours: Codes; theirs: Codes }> {
  for (const [name, bytes] of files) writeFileSync(join(directory, name), bytes, { mode: 0o600 });
  const [logFile, keyFile] = [join(directory, "gateway.log"), join(directory, "key.txt")];
  writeFileSync(logFile, log.join(""));
  writeFileSync(keyFile, `${key}\n`);
  return askBoth(directory, key, logFile, keyFile);
}

/** Asks both about a directory in each of the three ways. @param keyFile holds the key, which they read as well */
export async function askBoth(
  directory: string,
  key: string,
  keptFile: string,
  keyFile = key,
): Promise<{ ours: Codes; theirs: Codes }> {
  const ways = [[], ["--key", key], ["--key", keyFile, "--checkpoint", keptFile]];
  const ask = async (verify: (args: readonly string[]) => Promise<number>) =>
    (await Promise.all(ways.map((way) => verify([directory, ...way])))) as unknown as Codes;
  return { ours: await ask(runCommand), theirs: await ask(runScript) };
}

export async function runCommand(args: readonly string[]): Promise<number> {
  let code = -1;
  const command = auditCommand({
    out: () => {},
    err: () => {},
    exit: (given) => {
      code = given;
    },
    drained: async () => true,
  });
  await command.parseAsync(["verify", ...args], { from: "user" });
  return code;
}

/** A Python that is missing, or a script that fails otherwise than it says, has no exit code of ours. */
export function runScript(args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    execFile("python3", [script, ...args], (error, _, stderr) => {
      if (error === null) resolve(0);
      else if (typeof error.code !== "number" || stderr.includes("Traceback")) reject(error);
      else resolve(error.code);
    });
  });
}

/** The text of a file, compressed or not. */
export function textOf(files: Files, name: string): string {
  const bytes = files.get(name) ?? Buffer.alloc(0);
  return (name.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString();
}

export function putText(files: Files, name: string, text: string): void {
  files.set(name, name.endsWith(".gz") ? gzipSync(text) : Buffer.from(text));
}
