/** What a server sends behind the head of its answer: read once, in order, by one reader. */
export interface Body extends AsyncIterable<Buffer> {
  /** Gives up what was not read: the server is cut off, and a reader hears of the cause. */
  destroy(cause?: Error): unknown;
}

/** A body that is here already. */
export function bodyOf(...chunks: readonly Buffer[]): Body {
  return {
    async *[Symbol.asyncIterator]() {
      yield* chunks;
    },
    destroy() {},
  };
}
