/** Says how far long work has come. */
export interface Progress {
  /** More bytes are done. */
  add(bytes: number): void;
}

/** Less is done in a moment. */
const longBytes = 67_108_864;
const steps = 10;

/** One line for each tenth, of work that is long enough for anybody to wonder. Pure. */
export function createProgress(totalBytes: number, say: (text: string) => void): Progress {
  let done = 0;
  let said = 0;
  return {
    add(bytes) {
      done += bytes;
      const step = Math.floor((done * steps) / totalBytes);
      if (totalBytes < longBytes || step <= said || step >= steps) return;
      said = step;
      say(`${(step * 100) / steps}% of ${renderBytes(totalBytes)}\n`);
    },
  };
}

const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];

/** `1536` → `1.5 KiB`. */
export function renderBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1_024 && unit < units.length - 1) {
    value /= 1_024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}
