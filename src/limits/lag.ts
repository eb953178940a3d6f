/** Whether the event loop has been late for a while. */
export interface Lag {
  /**
   * @param lateMs how much later than asked for a timer ran, in milliseconds
   * @param mostMs lateness that is too much, in milliseconds
   */
  note(lateMs: number, mostMs: number): void;
  readonly behind: boolean;
}

/**
 * A single pause, of the garbage collector or of the machine, says nothing; a queue that does not get shorter shows in all of
 * the last looks (as in CoDel, RFC 8289 section 3: the minimum over an interval).
 */
export function createLag(): Lag {
  let lateLooks = 0;
  return {
    note(lateMs, mostMs) {
      lateLooks = lateMs > mostMs ? lateLooks + 1 : 0;
    },
    get behind() {
      return lateLooks >= looks;
    },
  };
}

const looks = 5;
