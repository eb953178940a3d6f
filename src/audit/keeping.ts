/** What becomes of closed files: compressed at once, removed when their time is over. */
import { createReadStream, createWriteStream } from "node:fs";
import { open, readdir, rename, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { openRecord, type SoundRecord } from "./chain.ts";
import { compressedSuffix, readFileName } from "./layout.ts";
import { LineSplitter } from "./lines.ts";
import { openEither, streamOf } from "./opened.ts";
import { type AuditEntry, gatewayEntry } from "./record.ts";
import { groupFiles } from "./segments.ts";

export interface KeepingOptions {
  readonly compress: boolean;
  /** How old the newest record of a closed file may become, in milliseconds; null for ever. */
  readonly retentionMs: number | null;
}

export interface KeeperOptions extends KeepingOptions {
  readonly directory: string;
  readonly trail: number;
  readonly now: () => Date;
  /** Writes a record. */
  readonly append: (entry: AuditEntry) => Promise<void>;
  readonly onTrouble: (error: unknown) => void;
}

/** Keeps the closed files of one trail, one piece of work at a time. */
export class Keeper {
  readonly #options: KeeperOptions;
  readonly #ending = new AbortController();
  #working: Promise<void> = Promise.resolve();

  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  /** Begins to do what is due, behind what goes on already. */
  look(): void {
    this.#working = this.#working
      .then(() => this.#keep())
      .catch((error: unknown) => {
        if (!this.#ending.signal.aborted) this.#options.onTrouble(error);
      });
  }

  /** Gives up what goes on, which the next start takes up again, and resolves when nothing does. */
  stop(): Promise<void> {
    this.#ending.abort();
    return this.#working;
  }

  async #keep(): Promise<void> {
    await this.#expire();
    if (this.#options.compress) await this.#compress();
  }

  /** The oldest first, and none that a younger one would have to follow without it. */
  async #expire(): Promise<void> {
    const { directory, trail, retentionMs, now } = this.#options;
    if (retentionMs === null) return;
    const found = groupFiles(await readdir(directory), directory).find(({ number }) => number === trail);
    for (const [index, { path, first: from }] of (found?.closed ?? []).entries()) {
      const next = found?.closed[index + 1]?.path ?? found?.active ?? null;
      const first = next === null ? null : await readFirst(next);
      // The records of a file are older than the first of the next one.
      if (first === null || now().getTime() - Date.parse(first.time) < retentionMs) return;
      const note = { file: basename(path), from, to: first.seq - 1, hash: first.prev };
      await this.#options.append(gatewayEntry("expired", now().toISOString(), note));
      for (const form of [path, `${path}${compressedSuffix}`]) await rm(form, { force: true });
    }
  }

  /** Compressed elsewhere and moved into place, so that a crash leaves the file as it was. */
  async #compress(): Promise<void> {
    const { directory, trail } = this.#options;
    for (const name of await readdir(directory)) {
      this.#ending.signal.throwIfAborted();
      const file = readFileName(name);
      if (file === undefined || file.trail !== trail || file.firstSeq === null || file.compressed) continue;
      const path = join(directory, name);
      const draft = `${path}${compressedSuffix}.new`;
      const target = createWriteStream(draft, { mode: 0o600, flush: true });
      await pipeline(createReadStream(path), createGzip(), target, { signal: this.#ending.signal });
      await rename(draft, `${path}${compressedSuffix}`);
      await syncDirectory(directory);
      await rm(path);
    }
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function readFirst(path: string): Promise<SoundRecord | null> {
  const splitter = new LineSplitter();
  const file = await openEither(path);
  if (file === null) return null;
  try {
    for await (const chunk of streamOf(file)) {
      for (const { bytes } of splitter.read(chunk)) {
        const record = openRecord(bytes);
        if (record.state === "sound") return record;
      }
    }
    return null;
  } finally {
    await file.handle.close();
  }
}
