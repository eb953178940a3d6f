/** Messages that nobody is there to hear yet. */
export interface Backlog {
  add(data: string): void;
  /** Everything that was kept, in order; the backlog is empty then. */
  take(): readonly string[];
}

const maxMessages = 64;
const maxBytes = 262_144;

/** Keeps the latest 64 messages of at most 256 KiB together: what nobody collects is forgotten, the oldest first. */
export function createBacklog(): Backlog {
  let kept: string[] = [];
  let bytes = 0;
  return {
    add(data) {
      kept.push(data);
      bytes += Buffer.byteLength(data);
      while (kept.length > maxMessages || bytes > maxBytes) bytes -= Buffer.byteLength(kept.shift() ?? "");
    },
    take() {
      const taken = kept;
      kept = [];
      bytes = 0;
      return taken;
    },
  };
}
