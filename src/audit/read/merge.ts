/** One stream of lines out of several, by the time of their records. Pure. */
import type { AuditLine } from "./records.ts";

/**
 * Merges streams, reading no further ahead in any than it must. Within each, order stays as it is: a record is written when
 * its call is over, and bears the time when it came.
 */
export async function* mergeLines(streams: readonly AsyncIterable<readonly AuditLine[]>[]): AsyncGenerator<AuditLine> {
  const heads: Head[] = [];
  try {
    for (const stream of streams) {
      const head = { lines: [], at: 0, more: stream[Symbol.asyncIterator]() };
      heads.push(head);
      await fill(head);
    }
    for (let next = findEarliest(heads); next !== null; next = findEarliest(heads)) {
      const line = next.lines[next.at];
      next.at += 1;
      if (line !== undefined) yield line;
      if (next.at >= next.lines.length) await fill(next);
    }
  } finally {
    for (const { more } of heads) await more.return?.();
  }
}

interface Head {
  lines: readonly AuditLine[];
  at: number;
  readonly more: AsyncIterator<readonly AuditLine[]>;
}

/** Takes the next lines of a stream; none are left in it when it has ended. */
async function fill(head: Head): Promise<void> {
  for (;;) {
    const { value, done } = await head.more.next();
    head.lines = done === true ? [] : value;
    head.at = 0;
    if (done === true || head.lines.length > 0) return;
  }
}

function findEarliest(heads: readonly Head[]): Head | null {
  let earliest: Head | null = null;
  let time = "";
  for (const head of heads) {
    const line = head.lines[head.at];
    if (line === undefined || (earliest !== null && line.record.time >= time)) continue;
    earliest = head;
    time = line.record.time;
  }
  return earliest;
}
