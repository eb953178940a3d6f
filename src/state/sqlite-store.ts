import { closeSync, constants, openSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { makeDirectory } from "../directory.ts";
import { type KeptEntry, type PutOptions, type StoreBackend, StoreError } from "./store.ts";

/** Its name in the state directory. */
export const storeName = "state.db";

const formatVersion = 1;
/** How long one process waits for another that is writing, in milliseconds. */
const busyMs = 2_000;
/** Between two tries to open it, in milliseconds. */
const pauseMs = 5;
/** SQLITE_BUSY; the bits above the lowest eight say more of the same (https://sqlite.org/rescode.html). */
const sqliteBusy = 5;

/**
 * Keeps entries in one SQLite file (https://sqlite.org/wal.html), which the processes of a machine share. What was written is on
 * the disk before it counts: a revocation must not be undone by a loss of power.
 *
 * @param now milliseconds since the epoch
 * @throws StoreError when the file cannot be used by this user, or others can read it
 */
export function openSqliteStore(path: string, now: () => number): StoreBackend {
  const database = explained(path, () => openDatabase(path));
  const run = <Result>(work: () => Result): Promise<Result> =>
    // Errors of an asynchronous function, whatever the backend.
    new Promise((resolve) => resolve(explained(path, work)));
  const select = database.prepare(
    "SELECT name, sealed, revision FROM entries WHERE kind = ? AND name = ? AND (expires IS NULL OR expires > ?)",
  );
  const selectAll = database.prepare(
    "SELECT name, sealed, revision FROM entries WHERE kind = ? AND revision > ? AND (expires IS NULL OR expires > ?) ORDER BY revision",
  );
  const selectHeads = database.prepare("SELECT kind, head FROM heads");
  const advance = database.prepare(
    "INSERT INTO heads (kind, head) VALUES (?, 1) ON CONFLICT (kind) DO UPDATE SET head = head + 1 RETURNING head",
  );
  const insert = database.prepare(
    "INSERT OR REPLACE INTO entries (kind, name, sealed, revision, expires) VALUES (?, ?, ?, ?, ?)",
  );
  const remove = database.prepare("DELETE FROM entries WHERE kind = ? AND name = ?");
  const expire = database.prepare("DELETE FROM entries WHERE expires <= ?");
  const trim = database.prepare(
    "DELETE FROM entries WHERE kind = ? AND revision <= (SELECT revision FROM entries WHERE kind = ? ORDER BY revision DESC LIMIT 1 OFFSET ?)",
  );
  const find = (kind: string, name: string) => select.get(kind, name, now()) as unknown as KeptEntry | undefined;

  /** IMMEDIATE: of two processes that compare and write, one waits (https://sqlite.org/lang_transaction.html). */
  function transact<Result>(work: () => Result): Result {
    database.exec("BEGIN IMMEDIATE");
    try {
      const result = work();
      database.exec("COMMIT");
      return result;
    } catch (error) {
      database.exec("ROLLBACK");
      throw error;
    }
  }

  function advanceHead(kind: string): number {
    return (advance.get(kind) as { head: number }).head;
  }

  return {
    read: (kind, name) => run(() => find(kind, name) ?? null),
    write: (kind, name, sealed, { expiresAtMs, expected, most }: PutOptions) =>
      run(() =>
        transact(() => {
          if (expected !== undefined && (find(kind, name)?.revision ?? 0) !== expected) return null;
          const revision = advanceHead(kind);
          insert.run(kind, name, sealed, revision, expiresAtMs ?? null);
          expire.run(now());
          if (most !== undefined) trim.run(kind, kind, most);
          return revision;
        }),
      ),
    erase: (kind, name, expected) =>
      run(() =>
        transact(() => {
          const found = find(kind, name);
          if (found === undefined || (expected !== undefined && found.revision !== expected)) return false;
          remove.run(kind, name);
          advanceHead(kind);
          return true;
        }),
      ),
    list: (kind, after) => run(() => selectAll.all(kind, after, now()) as unknown as KeptEntry[]),
    heads: () =>
      run(() => new Map((selectHeads.all() as { kind: string; head: number }[]).map(({ kind, head }) => [kind, head]))),
    close: () => database.close(),
  };
}

function openDatabase(path: string): DatabaseSync {
  makeDirectory(dirname(path));
  checkOwner(dirname(path), false);
  // SQLite gives the files beside it the mode of this one, and would make it readable by all.
  closeSync(openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK, 0o600));
  checkOwner(path, true);
  const database = new DatabaseSync(path, { timeout: busyMs });
  try {
    waited(() => prepareDatabase(database, path));
  } catch (error) {
    database.close();
    throw error;
  }
  return database;
}

function prepareDatabase(database: DatabaseSync, path: string): void {
  const { user_version: found } = database.prepare("PRAGMA user_version").get() as { user_version: number };
  if (found > formatVersion)
    throw new StoreError(`${path} is of format ${found}: a later version of Sallyport has written it; run that one`);
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON");
  database.exec(`
    CREATE TABLE IF NOT EXISTS entries (
      kind TEXT NOT NULL, name TEXT NOT NULL, sealed TEXT NOT NULL, revision INTEGER NOT NULL, expires INTEGER,
      PRIMARY KEY (kind, name)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS entries_by_revision ON entries (kind, revision);
    CREATE INDEX IF NOT EXISTS entries_by_expiry ON entries (expires) WHERE expires IS NOT NULL;
    CREATE TABLE IF NOT EXISTS heads (kind TEXT PRIMARY KEY, head INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    PRAGMA user_version = ${formatVersion};
  `);
}

/**
 * Tries again while the file is locked. SQLite waits by itself ({@link busyMs}), but not where it turns a new file to WAL or a
 * reader becomes a writer (https://sqlite.org/rescode.html#busy): processes that start together meet there.
 */
function waited(work: () => void): void {
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  for (const until = performance.now() + busyMs; ; Atomics.wait(sleeper, 0, 0, pauseMs)) {
    try {
      work();
      return;
    } catch (error) {
      const isBusy = ((error as { errcode?: number }).errcode ?? 0) % 256 === sqliteBusy;
      if (!isBusy || performance.now() > until) throw error;
    }
  }
}

/** Files that root makes here would lock out the gateway, which runs as the owner of the directory. */
function checkOwner(path: string, isFile: boolean): void {
  const user = process.geteuid?.();
  const { uid, mode } = statSync(path);
  if (user === undefined) return;
  if (uid !== user)
    throw new StoreError(`${path} belongs to user ${uid}: run this as the user that the gateway runs as`);
  if (isFile && (mode & 0o077) !== 0) throw new StoreError(`${path} is open to other users; run: chmod 600 ${path}`);
}

function explained<Result>(path: string, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (error instanceof StoreError) throw error;
    const { errstr, code, message } = error as { errstr?: string; code?: string; message: string };
    throw new StoreError(`${path} cannot be used (${errstr ?? code ?? message})`, { cause: error });
  }
}
