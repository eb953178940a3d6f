/** Makes a backup: one encrypted archive, whole or not there at all. */

import { createHash, randomUUID } from "node:crypto";
import { type FileHandle, link, open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { createTarPacker, type TarPackController } from "modern-tar";
import { syncDirectory } from "../durable.ts";
import { type Collection, collect } from "./collect.ts";
import { BackupError, systemCode } from "./fault.ts";
import { createEncrypter, type Lock } from "./keys.ts";
import { placeOf } from "./layout.ts";
import { filesPrefix, type Manifest, manifestName, maxManifestBytes } from "./manifest.ts";
import { createProgress, type Progress } from "./progress.ts";
import { readBytes, type Source } from "./sources.ts";

export interface CreateOptions {
  readonly configFile: string;
  readonly out: string;
  /** Whether a file that is there is replaced. */
  readonly force: boolean;
  readonly lock: Lock;
  readonly now: Date;
  /** Version of this program. */
  readonly version: string;
  readonly signal: AbortSignal;
  /** Is told how far it has come. */
  readonly say: (text: string) => void;
}

/** A backup that was made. */
export interface Created {
  readonly manifest: Manifest;
  /** Size of the archive. */
  readonly bytes: number;
  readonly warnings: readonly string[];
}

/**
 * Backs up what a configuration and its gateway consist of, while it runs or not. Memory does not grow with the trail.
 *
 * @throws ConfigError, BackupError, or the signal's reason when it was aborted; no file is left then
 */
export async function createBackup(options: CreateOptions): Promise<Created> {
  const { configFile, out, force, lock, signal, say } = options;
  const encrypter = await createEncrypter(lock);
  if (!force && (await isThere(out))) throw new BackupError(`${out}: ${taken}`);
  const collection = await collect(configFile);
  try {
    const { sources, warnings } = collection;
    // Every file is read twice: the manifest with its hash comes before it.
    const progress = createProgress(2 * sources.reduce((sum, { bytes }) => sum + bytes, 0), say);
    const { manifest, described } = await describe(collection, options, progress);
    const { readable, controller } = createTarPacker();
    const sealed = await encrypter.encrypt(readable);
    const bytes = await writeWhole(out, force, async (handle) => {
      const packing = pack(controller, manifest, described, progress, signal).catch((error: unknown) => {
        controller.error(error);
        throw error;
      });
      await Promise.all([packing, drain(sealed, handle)]);
    });
    return { manifest, bytes, warnings };
  } finally {
    await collection.close();
  }
}

async function describe(
  { directory, config, state, audit, sources, trails }: Collection,
  { now, version, signal }: CreateOptions,
  progress: Progress,
): Promise<{ readonly manifest: Manifest; readonly described: readonly Source[] }> {
  const files: Manifest["files"] = [];
  const described: Source[] = [];
  for (const source of sources) {
    const { path, kind, bytes } = source;
    const hash = createHash("sha256");
    let isDestroyed = kind === "state" && path.endsWith(".key") && bytes > 0;
    for await (const chunk of readBytes(source, signal)) {
      isDestroyed &&= chunk.every((byte) => byte === 0);
      hash.update(chunk);
      progress.add(chunk.length);
    }
    // A key that was destroyed since it was opened is zeros. Restored, it would keep its person from ever having a key again.
    if (isDestroyed) continue;
    described.push(source);
    files.push({ path: placeOf(directory, path), kind, bytes, sha256: hash.digest("hex") });
  }
  const place = (path: string) => ({ path: placeOf(directory, path), from: path });
  const places = { config: placeOf(directory, config), state: place(state), audit: place(audit) };
  const head = { version: 1, created: now.toISOString(), by: version } as const;
  return { manifest: { ...head, ...places, files, trails: [...trails] }, described };
}

async function pack(
  controller: TarPackController,
  manifest: Manifest,
  sources: readonly Source[],
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  const head = { type: "file", mode: 0o600, mtime: new Date(manifest.created) } as const;
  const text = Buffer.from(JSON.stringify(manifest));
  if (text.length > maxManifestBytes) throw new BackupError("there are more files than a backup can have");
  const first = controller.add({ ...head, name: manifestName, size: text.length }).getWriter();
  await first.write(text);
  await first.close();
  for (const [index, file] of manifest.files.entries()) {
    const source = sources[index] as Source;
    const hash = createHash("sha256");
    const writer = controller.add({ ...head, name: `${filesPrefix}${file.path}`, size: file.bytes }).getWriter();
    for await (const chunk of readBytes(source, signal)) {
      hash.update(chunk);
      await writer.write(chunk);
      progress.add(chunk.length);
    }
    await writer.close();
    if (hash.digest("hex") !== file.sha256)
      throw new BackupError(`${source.path}: it changed while it was read; try again`);
  }
  controller.finalize();
}

async function drain(sealed: ReadableStream<Uint8Array>, handle: FileHandle): Promise<void> {
  for await (const chunk of sealed) await handle.writeFile(chunk);
}

const taken = "there is such a file already; --force replaces it";

/** Written under another name, forced to the disk, and moved into place: who finds an archive finds a whole one. */
async function writeWhole(path: string, force: boolean, write: (handle: FileHandle) => Promise<void>): Promise<number> {
  const draft = `${path}.${randomUUID()}.tmp`;
  try {
    const handle = await open(draft, "wx", 0o600);
    try {
      await write(handle);
      await handle.sync();
    } finally {
      await handle.close();
    }
    const { size } = await stat(draft);
    // Unlike rename, link refuses to replace a file.
    await (force ? rename(draft, path) : link(draft, path));
    await syncDirectory(dirname(path));
    return size;
  } catch (error) {
    const code = systemCode(error);
    if (code === undefined) throw error;
    const why =
      code === "EEXIST" ? taken : code === "ENOENT" ? "its directory is not there" : `it cannot be written (${code})`;
    throw new BackupError(`${path}: ${why}`, { cause: error });
  } finally {
    await rm(draft, { force: true });
  }
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
