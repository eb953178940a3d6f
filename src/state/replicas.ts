import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import type { NoticeBoard } from "./notices.ts";

/** Another gateway that shares the Redis. */
export interface Replica {
  readonly name: string;
  /** Hash of the configuration and policies it runs. */
  readonly config: string;
  readonly seenMsAgo: number;
}

/** Who else serves, and by which configuration: a replica that missed a change shows. */
export interface Replicas {
  /** Those that were heard of lately. */
  list(): readonly Replica[];
  /** Tells the others what this one runs, at once. */
  tell(): void;
  close(): void;
}

/**
 * Tells the board what this process runs, and hears what others do.
 *
 * @param now milliseconds since the epoch
 */
export function createReplicas(board: NoticeBoard, now: () => number, configHash: () => string): Replicas {
  const name = `${hostname()}/${randomUUID().slice(0, 8)}`;
  const heard = new Map<string, { config: string; atMs: number }>();
  board.attend((notice) => {
    if (notice.kind !== "runs") return;
    for (const [replica, { atMs }] of heard) if (now() - atMs > forgottenMs) heard.delete(replica);
    if (now() - notice.atMs <= forgottenMs) heard.set(notice.replica, { config: notice.config, atMs: notice.atMs });
  });
  const tell = () => board.post({ kind: "runs", replica: name, config: configHash(), atMs: now() });
  const telling = setInterval(tell, tellMs);
  telling.unref();
  return {
    list: () =>
      [...heard]
        .map(([replica, { config, atMs }]) => ({ name: replica, config, seenMsAgo: now() - atMs }))
        .filter(({ seenMsAgo }) => seenMsAgo <= forgottenMs),
    tell,
    close: () => clearInterval(telling),
  };
}

/** How often, and for how long a silent one is still listed, in milliseconds. */
const tellMs = 10_000;
const forgottenMs = 35_000;
