import type { PermitStore } from "../limits/leases.ts";
import { type NoticeBoard, noBoard } from "./notices.ts";

/** What processes of one gateway have in common. */
export interface Shared {
  /** Counts requests for all of them; null for a process that is alone. */
  readonly permits: PermitStore | null;
  readonly board: NoticeBoard;
}

/** A process's place among those of one gateway on one machine. */
export interface Station {
  /** From 1. Each has an audit trail of its own. */
  readonly number: number;
  /** How many there are. */
  readonly of: number;
  /** What it has in common with the others on this machine. */
  readonly shared: Shared;
  /** How the process ended whose place it takes, where that was not in good order. */
  readonly after: string | null;
  /** For TLS session tickets that every one of them accepts; null for keys of its own. */
  readonly ticketKeys: Buffer | null;
}

/** The one process of a gateway without workers. */
export const alone: Station = {
  number: 1,
  of: 1,
  shared: { permits: null, board: noBoard },
  after: null,
  ticketKeys: null,
};
