import type { OwnedTask, Owner } from "../mcp/handles.ts";

/**
 * Which tasks were begun by whom. A server behind a gateway has one client and tells of everybody's tasks alike; what
 * somebody may hear of is what this remembers.
 *
 * Requests about a task do not need it: their handle says it all (mcp/handles.ts). So what was forgotten, because the process
 * started anew or the ledger is full, can still be asked for, and is only missing from lists and announcements.
 */
export interface TaskLedger {
  begin(owner: Owner, task: OwnedTask): void;
  /** The task by the server's own id, if this owner began it. */
  find(owner: Owner, taskId: string): OwnedTask | undefined;
}

/** @param maxTasks how many are remembered; the oldest are forgotten first */
export function createTaskLedger(maxTasks: number): TaskLedger {
  const known = new Map<string, OwnedTask>();
  const keyOf = ({ server, identity }: Owner, taskId: string) => JSON.stringify([server, identity.key, taskId]);
  return {
    begin(owner, task) {
      const key = keyOf(owner, task.taskId);
      known.delete(key);
      known.set(key, task);
      if (known.size <= maxTasks) return;
      const [oldest] = known.keys();
      if (oldest !== undefined) known.delete(oldest);
    },
    find: (owner, taskId) => known.get(keyOf(owner, taskId)),
  };
}
