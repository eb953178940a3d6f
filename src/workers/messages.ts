/** What the supervisor and its workers say to each other. Both are of one version: they were started from the same files. */
import type { Health } from "../admin.ts";
import type { Rate, Taken } from "../limits/windows.ts";
import type { PortableMetrics } from "../observe/merge.ts";
import type { Notice } from "../state/notices.ts";

/** What a worker needs to know before it begins. */
export interface Beginning {
  readonly number: number;
  readonly of: number;
  readonly after: string | null;
  /** Digest of the settings that the others began with: with others it could not serve beside them. */
  readonly fixed: string;
  /** For TLS session tickets, so that a client may come back to any worker. */
  readonly ticketKeys: Uint8Array;
  /** What the others have learnt so far and it has to know. */
  readonly notices: readonly Notice[];
}

/** State of a worker, for probes and scrapes. */
export interface WorkerReport {
  readonly health: Health;
  readonly metrics: PortableMetrics;
}

export type ToWorker =
  | { readonly kind: "begin"; readonly beginning: Beginning }
  | { readonly kind: "taken"; readonly id: number; readonly taken: Taken }
  | { readonly kind: "notice"; readonly notice: Notice }
  | { readonly kind: "reload"; readonly id: number; readonly cause: string }
  | { readonly kind: "report"; readonly id: number }
  | { readonly kind: "stop" };

export type FromWorker =
  | { readonly kind: "ready"; readonly publicUrl: string }
  | { readonly kind: "failed"; readonly text: string }
  | {
      readonly kind: "take";
      readonly id: number;
      readonly name: string;
      readonly rate: Rate;
      readonly key: string;
      readonly want: number;
    }
  | { readonly kind: "notice"; readonly notice: Notice }
  | { readonly kind: "reloaded"; readonly id: number }
  | { readonly kind: "reported"; readonly id: number; readonly report: WorkerReport };
