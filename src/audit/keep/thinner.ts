/** When records of some events leave closed files, and in which order that is recorded, remembered and done. */
import { readdir, rename, rm } from "node:fs/promises";
import { basename } from "node:path";
import { syncDirectory } from "../../durable.ts";
import { type ClosedFile, readClosedFiles } from "../files/closed-files.ts";
import { compressedSuffix, draftOf, plainName } from "../files/layout.ts";
import { openEither } from "../files/opened.ts";
import { type AuditEntry, gatewayEntry } from "../record.ts";
import { type Ledger, type LedgerEntry, readLedger, writeLedger } from "./ledger.ts";
import { type Removal, thinFile } from "./thinning.ts";

export interface ThinningOptions {
  /** How old the newest record of a closed file may become before the records of an event leave it, in milliseconds. */
  readonly periods: ReadonlyMap<string, number>;
  /** File outside of the audit directory that remembers what was done. */
  readonly ledgerPath: string;
}

interface ThinnerOptions extends ThinningOptions {
  readonly directory: string;
  readonly trail: number;
  readonly now: () => Date;
  readonly declare: (entry: AuditEntry) => Promise<void>;
  readonly onTrouble: (error: unknown) => void;
  /** Whether anything may be removed at the moment. */
  readonly mayRemove: () => Promise<boolean>;
  readonly signal: AbortSignal;
}

/** A file that could not be thinned is read once more after that time, and not at every look. */
const againMs = 86_400_000;

export class Thinner {
  readonly #options: ThinnerOptions;
  /** When files were tried that could not be thinned, in milliseconds since the epoch. */
  readonly #tried = new Map<string, number>();
  /** As it is in its file, which nobody else writes; null before it is needed. */
  #ledger: Ledger | null = null;

  constructor(options: ThinnerOptions) {
    this.#options = options;
  }

  /** Does what is due. A file is written anew once for each period that differs, however many records come and go. */
  async look(): Promise<void> {
    const { directory, trail, periods, now, onTrouble, mayRemove, signal } = this.#options;
    for await (const closed of readClosedFiles(directory, trail)) {
      const nowMs = now().getTime();
      const due = [...periods].filter(([, ms]) => nowMs - closed.endedMs >= ms).map(([event]) => event);
      if (due.length === 0 || this.#wasTried(closed.path, nowMs) || !(await mayRemove())) continue;
      signal.throwIfAborted();
      try {
        await this.#thin(closed, due);
      } catch (error) {
        signal.throwIfAborted();
        this.#tried.set(closed.path, nowMs);
        onTrouble(error);
      }
    }
  }

  #wasTried(path: string, nowMs: number): boolean {
    const triedMs = this.#tried.get(path);
    return triedMs !== undefined && Math.abs(nowMs - triedMs) < againMs;
  }

  async #thin(closed: ClosedFile, due: readonly string[]): Promise<void> {
    const { mayRemove, signal } = this.#options;
    const entry = await this.#recall(closed);
    if (due.every((event) => entry.events.includes(event))) return;
    const file = await openEither(closed.path);
    if (file === null) return;
    try {
      // After a crash while it was compressed it is there in both forms, and the other one would bring back what goes.
      if (file.path === closed.path) await rm(`${closed.path}${compressedSuffix}`, { force: true });
      const mayLack = (_: string, digest: string) => entry.digests.includes(digest);
      const removal = await thinFile(file, { events: new Set(due), closed, mayLack, signal });
      // A hold may have been set, or the clock, while the file was read.
      if (!(await mayRemove())) return;
      const digests = removal.removed === 0 ? entry.digests : [...entry.digests, removal.digest];
      if (removal.removed > 0) {
        await this.#record(closed, due, removal);
        // Either of the two files may be there after a crash.
        await this.#remember(closed, { ...entry, digests });
        await rename(draftOf(file.path), file.path);
        await syncDirectory(this.#options.directory);
      }
      await this.#remember(closed, { ...entry, digests, events: [...new Set([...entry.events, ...due])] });
    } finally {
      await file.handle.close();
      await rm(draftOf(file.path), { force: true });
    }
  }

  #record({ path, endedMs }: ClosedFile, events: readonly string[], { digest, ...counts }: Removal): Promise<void> {
    const { declare, now } = this.#options;
    const before = new Date(endedMs).toISOString();
    return declare(
      gatewayEntry("expired", now().toISOString(), { file: basename(path), events, before, ...counts, digest }),
    );
  }

  async #recall({ path, trail }: ClosedFile): Promise<LedgerEntry> {
    this.#ledger ??= await readLedger(this.#options.ledgerPath);
    const known = this.#ledger.get(basename(path));
    return known?.trail === trail ? known : { trail, events: [], digests: [] };
  }

  /** Forgets files that are gone. */
  async #remember({ path }: ClosedFile, entry: LedgerEntry): Promise<void> {
    const { directory, ledgerPath } = this.#options;
    const names = new Set((await readdir(directory)).map(plainName));
    const others = [...(this.#ledger ?? [])].filter(([name]) => names.has(name));
    const ledger = new Map([...others, [basename(path), entry]]);
    await writeLedger(ledgerPath, ledger);
    this.#ledger = ledger;
  }
}
