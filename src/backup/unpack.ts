/** Reads an archive, and writes what its manifest announces into a directory, each byte checked. */
import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createTarDecoder, type ParsedTarEntry } from "modern-tar";
import { collectBytes } from "../bytes.ts";
import { makeDirectory } from "../directory.ts";
import { BackupError, systemCode } from "./fault.ts";
import { createDecrypter, type Opener } from "./keys.ts";
import {
  filesPrefix,
  type Manifest,
  type ManifestFile,
  manifestName,
  maxManifestBytes,
  parseManifest,
} from "./manifest.ts";
import { createProgress, type Progress } from "./progress.ts";
import { openSource, readBytes } from "./sources.ts";

export interface UnpackOptions {
  /** The archive. */
  readonly file: string;
  readonly opener: Opener;
  readonly signal: AbortSignal;
  /** Is told how far it has come. */
  readonly say: (text: string) => void;
}

/**
 * Writes the files of an archive below a directory, with mode 0600 in directories of mode 0700. Memory does not grow with them.
 *
 * Links, devices, files that the manifest does not have, or has with another size or hash, and paths that lead out of the
 * directory are refused: whoever knows the public key can make an archive.
 *
 * @param directory exists, and nothing is in it
 * @throws BackupError; the signal's reason when it was aborted. What was written until then is left there
 */
export async function unpackArchive(options: UnpackOptions, directory: string): Promise<Manifest> {
  const { file, opener, signal } = options;
  const decrypter = await createDecrypter(opener);
  const source = await openSource(file, "state", true);
  try {
    const sealed = ReadableStream.from(readBytes(source, signal));
    const plain = await decrypter.decrypt(sealed).catch((cause: unknown) => {
      throw describeHead(file, cause);
    });
    return await readEntries(plain, options, directory);
  } catch (error) {
    throw describeBody(file, error, signal);
  } finally {
    await source.handle.close();
  }
}

async function readEntries(
  plain: ReadableStream<Uint8Array>,
  options: UnpackOptions,
  directory: string,
): Promise<Manifest> {
  const decoder = createTarDecoder({ strict: true });
  const feeding = plain.pipeTo(decoder.writable);
  // Whatever it ends with is seen where it is waited for.
  feeding.catch(() => {});
  let manifest: Manifest | undefined;
  let progress: Progress | undefined;
  const missing = new Map<string, ManifestFile>();
  try {
    for await (const entry of decoder.readable) {
      if (manifest === undefined) {
        manifest = await readManifest(entry);
        for (const announced of manifest.files) missing.set(`${filesPrefix}${announced.path}`, announced);
        progress = createProgress(
          manifest.files.reduce((sum, { bytes }) => sum + bytes, 0),
          options.say,
        );
        continue;
      }
      const announced = missing.get(entry.header.name);
      if (announced === undefined)
        throw damaged("there is something in it that its manifest does not have, or has once");
      missing.delete(entry.header.name);
      await writeEntry(entry, announced, join(directory, announced.path), (bytes) => progress?.add(bytes));
    }
  } catch (error) {
    // The source must be at rest before its file is closed.
    await feeding.catch(() => {});
    throw error;
  }
  // The last piece proves that nothing was cut off.
  await feeding;
  if (manifest === undefined) throw damaged("it is empty");
  const [lost] = missing.keys();
  if (lost !== undefined) throw damaged(`${missing.size} of its files are missing, ${lost} among them`);
  return manifest;
}

async function readManifest({ header, body }: ParsedTarEntry): Promise<Manifest> {
  if (header.name !== manifestName || header.type !== "file") throw damaged("it does not begin with a manifest");
  const text = collectBytes(maxManifestBytes);
  for await (const chunk of body) {
    if (!text.add(chunk)) throw damaged("its manifest is larger than any");
  }
  return parseManifest(text.bytes().toString("utf8"));
}

async function writeEntry(
  { header, body }: ParsedTarEntry,
  { path, bytes, sha256 }: ManifestFile,
  target: string,
  written: (bytes: number) => void,
): Promise<void> {
  if (header.type !== "file") throw damaged(`${path} is a ${header.type} in it, and no file`);
  if (header.size !== bytes) throw damaged(`${path} has another size than its manifest says`);
  makeDirectory(dirname(target));
  const handle: FileHandle = await open(target, "wx", 0o600);
  const hash = createHash("sha256");
  try {
    for await (const chunk of body) {
      hash.update(chunk);
      await handle.writeFile(chunk);
      written(chunk.length);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  if (hash.digest("hex") !== sha256) throw damaged(`${path} is not what its manifest says`);
}

function damaged(message: string): BackupError {
  return new BackupError(message, { damaged: true });
}

/** What the library says of the head is the only way to tell a wrong key from a damaged archive. */
function describeHead(file: string, cause: unknown): unknown {
  if (cause instanceof BackupError) return cause;
  const said = cause instanceof Error ? cause.message : "";
  if (said === "no identity matched any of the file's recipients") {
    return new BackupError(`${file}: the key or passphrase does not open it, or its head is damaged`, { cause });
  }
  if (said.startsWith("invalid version")) return new BackupError(`${file}: this is no backup`, { cause });
  return new BackupError(`its head is damaged (${said})`, { damaged: true, cause });
}

/** Whatever is wrong with the bytes is said by a decrypter or a reader of archives, in words of its own. */
function describeBody(file: string, error: unknown, signal: AbortSignal): unknown {
  signal.throwIfAborted();
  if (error instanceof BackupError) {
    return error.damaged
      ? new BackupError(`${file} is damaged: ${error.message}`, { damaged: true, cause: error })
      : error;
  }
  const code = systemCode(error);
  if (code !== undefined) return new BackupError(`${file} cannot be unpacked (${code})`, { cause: error });
  const said = error instanceof Error ? error.message : String(error);
  return new BackupError(`${file} is damaged, or its end is missing (${said})`, { damaged: true, cause: error });
}
