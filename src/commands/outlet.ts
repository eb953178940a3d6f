import { once } from "node:events";
import type { Writable } from "node:stream";

const abandoned = new WeakSet<Writable>();

/** Who reads our output may go before we do; that must not end a gateway, and is remembered. */
export function watchReader(stream: Writable): void {
  stream.off("error", noteAbandoned).on("error", noteAbandoned);
}

function noteAbandoned(this: Writable): void {
  abandoned.add(this);
}

/** Resolves once more can be written to a stream that is watched; false when nobody reads it any more. */
export async function drain(stream: Writable): Promise<boolean> {
  if (!abandoned.has(stream) && stream.writableNeedDrain) await once(stream, "drain").catch(() => {});
  return !abandoned.has(stream);
}
