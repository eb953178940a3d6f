import { mergeLines } from "./merge.ts";
import type { Query } from "./query.ts";
import { type AuditLine, readTrail } from "./records.ts";
import { findSegments } from "./segments.ts";

/**
 * The lines of a path that a query is for, those of several trails by time. Memory does not grow with the files.
 *
 * @param path a file, or a directory of trails
 * @throws Error when there is none, or of the file system when one cannot be read
 */
export async function* selectLines(path: string, query: Query): AsyncGenerator<AuditLine> {
  const trails = await findSegments(path);
  yield* mergeLines(trails.map(({ number }) => matching(readTrail(path, number, query.sinceMs), query)));
}

async function* matching(chunks: AsyncIterable<readonly AuditLine[]>, { matches }: Query) {
  for await (const lines of chunks) yield lines.filter(matches);
}
