import { join } from "node:path";
import { makeDirectory } from "../../directory.ts";
import type { Vault } from "../encryption/vault.ts";
import { AuditFault } from "../fault.ts";
import { lockName } from "../files/layout.ts";
import { Keeper, type KeepingOptions } from "../keep/keeping.ts";
import { OrderDesk } from "../keep/order-desk.ts";
import { type AuditEntry, type AuditIdentity, gatewayEntry } from "../record.ts";
import type { RotationOptions } from "./chain-files.ts";
import { type CheckpointOptions, findShortfall, type Shortfall } from "./checkpoints.ts";
import { type AppendFile, openAppendFile } from "./file.ts";
import { inClear, sealedBy } from "./file-renderer.ts";
import { type DirectoryLock, takeLock } from "./lock.ts";
import { openTrailFiles } from "./opening.ts";
import { QueuedFile } from "./queued-file.ts";
import { throwFirst } from "./writer.ts";

/** The audit trail of one gateway process: the file that is being written, and those that were closed. Where else records go is `audit.sinks`. */
export interface AuditFile {
  /**
   * Resolves once the record is in the file, where the end of this process cannot undo it; with `forced` once it is on the
   * disk, where a loss of power cannot either.
   *
   * @param again whether it stands for one that is missing, so that it is not missing any more once this one is there
   * @throws AuditFault when it could not be written. The next call tries again, so does the file itself, and records `recovered` when it works
   */
  append(entry: AuditEntry, again?: boolean): Promise<void>;
  /**
   * Writes a record of what happens next, with a checkpoint right behind it, so that nobody else could have put it there. Resolves when both
   * are on the disk, whether or not others are forced to it.
   *
   * @throws AuditFault when that cannot be done; then it must not happen
   */
  declare(entry: AuditEntry): Promise<void>;
  /**
   * Sees to it that records of somebody can be written, before something happens that one must be written of.
   *
   * @returns null where nothing is left to do; otherwise it rejects with an AuditFault when they cannot
   */
  prepare(identity: AuditIdentity | null): Promise<void> | null;
  /** False after a failed write, until one succeeds. */
  readonly healthy: boolean;
  /** Records that are missing since writing began to fail; 0 once a record says how many they were. */
  readonly missing: number;
  /** Records handed over and not yet written. */
  readonly queueLength: number;
  /** Path of the file. */
  readonly path: string;
  /** Writes what waits and the `stop` record, forces all to the disk, and lets go of the directory. */
  close(): Promise<void>;
}

export interface AuditFileOptions {
  /** Made with mode 0700 if missing. */
  readonly directory: string;
  /** Which of the trails in the directory, from 1. Default: 1. */
  readonly trail?: number;
  /** Whether records are forced to the disk, all of a moment together. Default: only at the end. */
  readonly forced?: boolean;
  readonly now: () => Date;
  /** Default: never. */
  readonly rotation?: RotationOptions;
  /** Default: closed files stay as they are. */
  readonly keeping?: KeepingOptions;
  /** Has the keys of what is encrypted. Default: nothing is, or was. */
  readonly vault?: Vault;
  /** Whether records are encrypted with keys of the vault. Default: no. */
  readonly encrypted?: boolean;
  /** File that orders for the trail are left in. Default: none are taken. */
  readonly ordersPath?: string;
  /** Default: nothing is signed. */
  readonly checkpoints?: CheckpointOptions;
  /** Called once when writing begins to fail, not for each record. */
  readonly onFailure?: (error: unknown) => void;
  /** Called once when writing works again. */
  readonly onRecovered?: () => void;
  /** Something went wrong that keeps no record from being written. */
  readonly onTrouble?: (error: unknown) => void;
  /** The file is in its place again, after `onTrouble` has said that it is not. */
  readonly onReclaimed?: () => void;
  /** The trail is not what was signed last. */
  readonly onShortfall?: (shortfall: Shortfall) => void;
  /** Lines as they are in the file now. */
  readonly onWritten?: (lines: readonly string[]) => void;
  /** Facts for the `start` record, such as version and hash of the configuration. */
  readonly startNote?: Readonly<Record<string, unknown>>;
  /** Facts for the `stop` record. */
  readonly stopNote?: Readonly<Record<string, unknown>>;
  /** How often it is tried whether writing works again, in milliseconds. Default: 2,000. */
  readonly healMs?: number;
  /** How often it is looked what is due, in milliseconds. Default: 1,000. */
  readonly lookMs?: number;
  /** Opens the file; tests put one in its place that fails. */
  readonly openFile?: (path: string) => AppendFile;
}

/**
 * Opens the audit trail, continues its chain, and writes the `start` record.
 *
 * A torn tail, left by a process or machine that died while writing, stays where it is: it is ended with a newline, and
 * the `start` record declares its length and digest in `note.torn`. Where the trail is shorter than its last checkpoint says, or
 * another one, `note.lost` or `note.before` says so.
 *
 * @throws AuditFault when another process writes there, others could read or change the file, its end does not verify, or the
 *   file system does not let it
 */
export async function openAuditFile(options: AuditFileOptions): Promise<AuditFile> {
  const { directory, trail = 1, openFile = openAppendFile } = options;
  try {
    makeDirectory(directory);
    using stack = new DisposableStack();
    const lock = takeLock(join(directory, lockName(trail)));
    stack.defer(() => lock.release());
    const file = await openLocked({ ...options, openFile }, trail, lock);
    stack.move();
    return file;
  } catch (cause) {
    if (cause instanceof AuditFault) throw cause;
    throw new AuditFault(`the audit trail in ${directory} cannot be written: ${(cause as Error).message}`, { cause });
  }
}

const never: RotationOptions = { maxBytes: Infinity, maxAgeMs: Infinity };
const untouched: KeepingOptions = { compress: false, retentionMs: null };

async function openLocked(
  options: AuditFileOptions & { readonly openFile: (path: string) => AppendFile },
  trail: number,
  lock: DirectoryLock,
): Promise<AuditFile> {
  const { directory, openFile, now, rotation = never, keeping = untouched, checkpoints, startNote = {} } = options;
  const { vault = null, encrypted = false, ordersPath } = options;
  const onTrouble = options.onTrouble ?? (() => {});
  const declare = (entry: AuditEntry) => file.declare(entry);
  const takesOrders = ordersPath !== undefined && vault !== null;
  const keeper: Keeper = new Keeper({
    ...{ ...keeping, directory, trail, now, onTrouble, vault, declare },
    desk: takesOrders ? new OrderDesk(ordersPath, { directory, vault, now, declare }) : null,
  });
  vault?.destroyRest();
  const rendererFor = encrypted && vault !== null ? sealedBy(vault) : inClear;
  const place = { directory, trail, rotation, forced: options.forced === true, openFile, rendererFor, now, onTrouble };
  const opened = await openTrailFiles({ ...place, onClosed: () => keeper.look() });
  const { files, head, torn, before } = opened;
  let file: QueuedFile;
  try {
    const shortfall = checkpoints === undefined ? null : findShortfall(checkpoints, head);
    if (shortfall !== null) options.onShortfall?.(shortfall);
    const note = { ...startNote, ...opened.note, ...(torn === null ? {} : { torn }), ...describeShortfall(shortfall) };
    const result = files.write([gatewayEntry("start", now().toISOString(), note)], before);
    throwFirst(result);
    if (options.forced === true) files.sync();
    options.onWritten?.(result.lines);
    file = new QueuedFile(options, files, keeper, lock);
  } catch (error) {
    files.close();
    throw error;
  }
  keeper.look();
  return file;
}

function describeShortfall(shortfall: Shortfall | null): Readonly<Record<string, unknown>> {
  if (shortfall === null) return {};
  const { lost, signed } = shortfall;
  return lost === null ? { before: signed } : { lost };
}
