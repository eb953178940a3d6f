/** One stream of lines out of several, by the time of their records. Pure. */
import type { AuditLine } from "./records.ts";

/**
 * Merges streams, reading no further ahead in any than it must. Within each, order stays as it is: a record is written when
 * its call is over, and bears the time when it came.
 */
export async function* mergeLines<Line extends Pick<AuditLine, "record">>(
  streams: readonly AsyncIterable<readonly Line[]>[],
): AsyncGenerator<Line> {
  const heads: Head<Line>[] = [];
  try {
    for (const stream of streams) {
      const head: Head<Line> = { lines: [], at: 0, more: stream[Symbol.asyncIterator]() };
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

interface Head<Line> {
  lines: readonly Line[];
  at: number;
  readonly more: AsyncIterator<readonly Line[]>;
}

/** Takes the next lines of a stream; none are left in it when it has ended. */
async function fill<Line>(head: Head<Line>): Promise<void> {
  for (;;) {
    const { value, done } = await head.more.next();
    head.lines = done === true ? [] : value;
    head.at = 0;
    if (done === true || head.lines.length > 0) return;
  }
}

function findEarliest<Line extends Pick<AuditLine, "record">>(heads: readonly Head<Line>[]): Head<Line> | null {
  let earliest: Head<Line> | null = null;
  let time = "";
  for (const head of heads) {
    const line = head.lines[head.at];
    if (line === undefined || (earliest !== null && line.record.time >= time)) continue;
    earliest = head;
    time = line.record.time;
  }
  return earliest;
}
