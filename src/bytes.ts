/** Bytes that arrive in pieces, kept as one run: a sender that cuts them into single bytes costs no more memory than another. */
export interface ByteCollector {
  /** @returns false when the cap is passed; nothing is kept then */
  add(chunk: Uint8Array): boolean;
  /** Everything so far; valid until the next `add`. */
  bytes(): Buffer;
}

const firstBytes = 4_096;

/** @param maxBytes most bytes that are taken */
export function collectBytes(maxBytes: number): ByteCollector {
  let buffer = Buffer.alloc(0);
  let length = 0;
  return {
    add(chunk) {
      const needed = length + chunk.length;
      if (needed > maxBytes) return false;
      if (needed > buffer.length) {
        const larger = Buffer.allocUnsafe(
          Math.max(needed, Math.min(maxBytes, Math.max(firstBytes, buffer.length * 2))),
        );
        buffer.copy(larger, 0, 0, length);
        buffer = larger;
      }
      buffer.set(chunk, length);
      length = needed;
      return true;
    },
    bytes: () => buffer.subarray(0, length),
  };
}
