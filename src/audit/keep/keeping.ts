/** What becomes of closed files: compressed at once, thinned when the time of some records is over, removed when that of all is. */

import { createReadStream, createWriteStream } from "node:fs";
import { readdir, rename, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { syncDirectory } from "../../durable.ts";
import type { Vault } from "../encryption/vault.ts";
import { readClosedFiles } from "../files/closed-files.ts";
import { createCompressor, pieceBytes } from "../files/compression.ts";
import { compressedSuffix, draftOf, readFileName } from "../files/layout.ts";
import { type AuditEntry, gatewayEntry } from "../record.ts";
import { readHold } from "./hold.ts";
import type { OrderDesk } from "./order-desk.ts";
import { findKeyedEnd } from "./orders.ts";
import { Thinner, type ThinningOptions } from "./thinner.ts";

export interface KeepingOptions {
  readonly compress: boolean;
  /** How old the newest record of a closed file may become, in milliseconds; null for ever. */
  readonly retentionMs: number | null;
  /** Default: all records of a file go with it. */
  readonly thinning?: ThinningOptions;
  /** Whether ages can be told by the clock; while they cannot, nothing goes. Default: always. */
  readonly trustsClock?: () => boolean;
}

export interface KeeperOptions extends KeepingOptions {
  readonly directory: string;
  readonly trail: number;
  readonly now: () => Date;
  /** Writes a record with a checkpoint right behind it, both on the disk when it resolves. */
  readonly declare: (entry: AuditEntry) => Promise<void>;
  readonly onTrouble: (error: unknown) => void;
  /** Has the keys of encrypted files, which go with them. */
  readonly vault: Vault | null;
  /** Where orders for the trail are left. */
  readonly desk: OrderDesk | null;
}

/** Keeps the closed files of one trail, one piece of work at a time. */
export class Keeper {
  readonly #options: KeeperOptions;
  readonly #ending = new AbortController();
  readonly #thinner: Thinner | null;
  #working: Promise<void> = Promise.resolve();

  constructor(options: KeeperOptions) {
    this.#options = options;
    const { thinning, ...place } = options;
    const mayRemove = () => this.#mayRemove();
    this.#thinner =
      thinning === undefined ? null : new Thinner({ ...place, ...thinning, mayRemove, signal: this.#ending.signal });
  }

  /** Begins to do what is due, behind what goes on already. */
  look(): void {
    this.#enqueue(() => this.#keep());
  }

  /** Begins to carry out what was ordered, if anything was. */
  attend(): void {
    const { desk } = this.#options;
    if (desk?.isWaitedAt === true) this.#enqueue(() => desk.serve());
  }

  #enqueue(work: () => Promise<void>): void {
    this.#working = this.#working.then(work).catch((error: unknown) => {
      if (!this.#ending.signal.aborted) this.#options.onTrouble(error);
    });
  }

  /** Gives up what goes on, which the next start takes up again, and resolves when nothing does. */
  stop(): Promise<void> {
    this.#ending.abort();
    return this.#working;
  }

  async #keep(): Promise<void> {
    await this.#attempt(() => this.#expire());
    await this.#attempt(async () => this.#thinner?.look());
    if (this.#options.compress) await this.#attempt(() => this.#compress());
  }

  /** What cannot be done is told, and keeps nothing else from being done: a directory in the place of a file stays until somebody sees it. */
  async #attempt(work: () => Promise<void>): Promise<void> {
    const { signal } = this.#ending;
    try {
      signal.throwIfAborted();
      await work();
    } catch (error) {
      signal.throwIfAborted();
      this.#options.onTrouble(error);
    }
  }

  async #mayRemove(): Promise<boolean> {
    const { directory, trustsClock = () => true } = this.#options;
    return trustsClock() && (await readHold(directory)) === null;
  }

  /** The oldest first, and none that a younger one would have to follow without it. */
  async #expire(): Promise<void> {
    const { directory, trail: number, retentionMs, now, vault } = this.#options;
    if (retentionMs === null) return;
    for await (const file of readClosedFiles(directory, number)) {
      const { path, trail, from, to, hash, endedMs } = file;
      if (now().getTime() - endedMs < retentionMs || !(await this.#mayRemove())) return;
      const keyedTo = vault === null ? to : await findKeyedEnd(file, vault);
      const note = { file: basename(path), from, to, hash };
      await this.#options.declare(gatewayEntry("expired", now().toISOString(), note));
      vault?.destroyFileKeys(trail, from, keyedTo);
      for (const form of [path, `${path}${compressedSuffix}`]) await rm(form, { force: true });
    }
  }

  async #compress(): Promise<void> {
    const { directory, trail } = this.#options;
    for (const name of await readdir(directory)) {
      const file = readFileName(name);
      if (file === undefined || file.trail !== trail || file.firstSeq === null || file.compressed) continue;
      await this.#attempt(() => this.#compressFile(join(directory, name)));
    }
  }

  /** Compressed elsewhere and moved into place, so that a crash leaves the file as it was. */
  async #compressFile(path: string): Promise<void> {
    const draft = draftOf(`${path}${compressedSuffix}`);
    try {
      const target = createWriteStream(draft, { mode: 0o600, flush: true });
      const source = createReadStream(path, { highWaterMark: pieceBytes });
      await pipeline(source, createCompressor(), target, { signal: this.#ending.signal });
      await rename(draft, `${path}${compressedSuffix}`);
    } catch (error) {
      // On a full disk it has the room that records need. Where it cannot be deleted, the next look writes over it, or says that it cannot.
      await rm(draft, { force: true }).catch(() => {});
      throw error;
    }
    await syncDirectory(this.#options.directory);
    await rm(path);
  }
}
