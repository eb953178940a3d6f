/** Keys that the trail is encrypted with, each in a small file of its own, so that it can be destroyed alone. */
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";

const suffix = ".key";

/** Keys by name in one directory. All block: they are small, and needed before a record can be written. */
export class KeyFiles {
  readonly directory: string;

  /** @param directory made with mode 0700 when the first key is stored */
  constructor(directory: string) {
    this.directory = directory;
  }

  /** Names of the keys, of which there are none where there is no directory. */
  list(): readonly string[] {
    const found = ifThere(() => readdirSync(this.directory)) ?? [];
    return found.filter((name) => name.endsWith(suffix)).map((name) => name.slice(0, -suffix.length));
  }

  /** Text that a key is kept as; null where there is none of this name. */
  read(name: string): string | null {
    return ifThere(() => readFileSync(this.#pathOf(name), "utf8"));
  }

  /**
   * Stores a key, on the disk by the time that it returns. Of two processes that store one of the same name the first one wins.
   *
   * @returns whether it was stored
   * @throws Error of the file system
   */
  store(name: string, text: string): boolean {
    mkdirSync(this.directory, { recursive: true, mode: 0o700 });
    const path = this.#pathOf(name);
    const draft = `${path}.${process.pid}`;
    rmSync(draft, { force: true });
    const descriptor = openSync(draft, "wx", 0o600);
    try {
      writeSync(descriptor, text);
      fsyncSync(descriptor);
      linkSync(draft, path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
      throw error;
    } finally {
      closeSync(descriptor);
      rmSync(draft, { force: true });
    }
    syncDirectory(this.directory);
    return true;
  }

  /** Overwrites a key and removes it, on the disk by the time that it returns. @returns whether there was one */
  destroy(name: string): boolean {
    const path = this.#pathOf(name);
    const descriptor = ifThere(() => openSync(path, constants.O_RDWR | constants.O_NOFOLLOW));
    if (descriptor === null) return false;
    try {
      writeSync(descriptor, Buffer.alloc(fstatSync(descriptor).size), 0, undefined, 0);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    rmSync(path);
    syncDirectory(dirname(path));
    return true;
  }

  #pathOf(name: string): string {
    return join(this.directory, `${name}${suffix}`);
  }
}

function ifThere<Found>(find: () => Found): Found | null {
  try {
    return find();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/** A name is there, or gone, for good only once the directory is on the disk (fsync(2)). */
function syncDirectory(path: string): void {
  const descriptor = openSync(path, constants.O_RDONLY);
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
