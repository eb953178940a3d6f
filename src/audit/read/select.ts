import { findSegments } from "../files/segments.ts";
import { mergeLines } from "./merge.ts";
import type { Query } from "./query.ts";
import { type AuditLine, readTrail, type Unlock } from "./records.ts";

/**
 * The lines of paths that a query is for, those of several trails by time. Memory does not grow with the files.
 *
 * @param paths each a file, or a directory of trails
 * @param unlock applied to each line before it is asked about; default: what is sealed stays so
 * @throws Error when there is none, or of the file system when one cannot be read
 */
export async function* selectLines(
  paths: readonly string[],
  query: Query,
  unlock: Unlock = (line) => line,
): AsyncGenerator<AuditLine> {
  const trails = await Promise.all(
    paths.map(async (path) => (await findSegments(path)).map(({ number }) => readTrail(path, number, query.sinceMs))),
  );
  yield* mergeLines(trails.flat().map((chunks) => matching(chunks, query, unlock)));
}

async function* matching(chunks: AsyncIterable<readonly AuditLine[]>, { matches }: Query, unlock: Unlock) {
  for await (const lines of chunks) yield lines.map(unlock).filter(matches);
}
