import { findSegments } from "../files/segments.ts";
import { mergeLines } from "./merge.ts";
import type { Query } from "./query.ts";
import { type AuditLine, readTrail, type Unlock } from "./records.ts";

/**
 * The lines of a path that a query is for, those of several trails by time. Memory does not grow with the files.
 *
 * @param path a file, or a directory of trails
 * @param unlock applied to each line before it is asked about; default: what is sealed stays so
 * @throws Error when there is none, or of the file system when one cannot be read
 */
export async function* selectLines(
  path: string,
  query: Query,
  unlock: Unlock = (line) => line,
): AsyncGenerator<AuditLine> {
  const trails = await findSegments(path);
  yield* mergeLines(trails.map(({ number }) => matching(readTrail(path, number, query.sinceMs), query, unlock)));
}

async function* matching(chunks: AsyncIterable<readonly AuditLine[]>, { matches }: Query, unlock: Unlock) {
  for await (const lines of chunks) yield lines.map(unlock).filter(matches);
}
