/** Keys that the trail is encrypted with, each in a small file of its own, so that it can be destroyed alone. */
import { randomUUID } from "node:crypto";
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  linkSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { link, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { makeDirectory } from "../../directory.ts";
import { syncDirectory } from "../../durable.ts";

const suffix = ".key";
/** What a key is called while it is destroyed. */
const doomedSuffix = ".doomed";

/** Keys by name in one directory. Reading blocks: they are small, and needed before a record can be written. */
export class KeyFiles {
  readonly directory: string;

  /** @param directory made with mode 0700 when the first key is stored */
  constructor(directory: string) {
    this.directory = directory;
  }

  /** Names of the keys, of which there are none where there is no directory. */
  list(): readonly string[] {
    return this.#listBy(suffix);
  }

  /** Text that a key is kept as; null where there is none of this name. */
  read(name: string): string | null {
    return ifThere(() => readFileSync(this.#pathOf(name), "utf8"));
  }

  /**
   * Stores a key, on the disk by the time that it resolves. Of two processes that store one of the same name the first one wins.
   *
   * @returns whether it was stored
   * @throws Error of the file system
   */
  async store(name: string, text: string): Promise<boolean> {
    const made = makeDirectory(this.directory);
    if (made !== undefined) await syncDirectory(dirname(this.directory));
    const path = this.#pathOf(name);
    const draft = `${path}.${randomUUID()}`;
    try {
      await writeFile(draft, text, { flag: "wx", mode: 0o600, flush: true });
      await link(draft, path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
      throw error;
    } finally {
      await rm(draft, { force: true });
    }
    await syncDirectory(this.directory);
    return true;
  }

  /** The same for who cannot wait, which blocks everybody for as long as the disk takes. */
  storeAtOnce(name: string, text: string): boolean {
    const made = makeDirectory(this.directory);
    if (made !== undefined) syncDirectoryAtOnce(dirname(this.directory));
    const path = this.#pathOf(name);
    const draft = `${path}.${randomUUID()}`;
    try {
      writeFileSync(draft, text, { flag: "wx", mode: 0o600, flush: true });
      linkSync(draft, path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
      throw error;
    } finally {
      rmSync(draft, { force: true });
    }
    syncDirectoryAtOnce(this.directory);
    return true;
  }

  /** Overwrites a key and removes it, on the disk by the time that it returns. */
  destroy(name: string): void {
    // Whoever comes in this moment finds none, rather than one that is overwritten already.
    const doomed = `${this.#pathOf(name)}.${randomUUID()}${doomedSuffix}`;
    const isThere = ifThere(() => {
      renameSync(this.#pathOf(name), doomed);
      return true;
    });
    if (isThere === null) return;
    overwrite(doomed);
    syncDirectoryAtOnce(this.directory);
  }

  /** Destroys what a crash has left half destroyed. */
  destroyRest(): void {
    for (const name of this.#listBy(doomedSuffix)) overwrite(join(this.directory, `${name}${doomedSuffix}`));
  }

  #listBy(ending: string): readonly string[] {
    const found = ifThere(() => readdirSync(this.directory)) ?? [];
    return found.filter((name) => name.endsWith(ending)).map((name) => name.slice(0, -ending.length));
  }

  #pathOf(name: string): string {
    return join(this.directory, `${name}${suffix}`);
  }
}

/**
 * Removes it in any case: a disk that is too full to be overwritten is no reason to keep it. Where it is gone, another worker that starts in
 * the same moment has done so.
 */
function overwrite(path: string): void {
  try {
    const descriptor = ifThere(() => openSync(path, constants.O_WRONLY | constants.O_NOFOLLOW));
    if (descriptor === null) return;
    try {
      writeFileSync(descriptor, Buffer.alloc(fstatSync(descriptor).size));
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  } finally {
    rmSync(path, { force: true });
  }
}

function ifThere<Found>(find: () => Found): Found | null {
  try {
    return find();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    throw error;
  }
}

function syncDirectoryAtOnce(path: string): void {
  const descriptor = openSync(path, constants.O_RDONLY);
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
