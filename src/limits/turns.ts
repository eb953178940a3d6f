import type { Ending } from "../ending.ts";
import type { HeldPlace } from "./counters.ts";

/** How many may be at a server at once, and how many may wait for that. */
export interface TurnLimits {
  readonly concurrent: number;
  readonly waiting: number;
}

/** The waiting are told that their place went to somebody who has fewer. */
export class Displaced extends Error {}

/**
 * Places at a server, and a queue for each caller before them: whoever sends a thousand requests waits for a thousand turns,
 * and everybody else for one.
 */
export interface Turns {
  /**
   * Takes a place, at once where there is one.
   *
   * @param caller whose queue it is
   * @param given the wait is given up when it is aborted
   * @returns the place, to be given back; null when too many are waiting
   * @throws Displaced, or the reason of the signal
   */
  take(caller: string, given: Ending): HeldPlace | Promise<HeldPlace> | null;
  /** Other limits from now on: whoever has a place keeps it, and whoever waits has not waited in vain. */
  limit(limits: TurnLimits): void;
  readonly waiting: number;
  /** Nobody has a place or waits for one. */
  readonly idle: boolean;
}

interface Waiting {
  readonly caller: string;
  readonly resolve: (place: HeldPlace) => void;
  readonly reject: (reason: unknown) => void;
}

export function createTurns(first: TurnLimits): Turns {
  let { concurrent, waiting: most } = first;
  /** Who is next comes first; a caller who had a turn goes to the end. */
  const queues = new Map<string, Waiting[]>();
  let taken = 0;
  let waiting = 0;

  function give(): HeldPlace {
    taken += 1;
    return new Turn(giveBack);
  }

  function giveBack(): void {
    taken -= 1;
    callNext();
  }

  function callNext(): void {
    const [first] = queues;
    if (first === undefined || taken >= concurrent) return;
    const [caller, queue] = first;
    const [next] = queue;
    if (next === undefined) return;
    queues.delete(caller);
    queues.set(caller, queue);
    leave(next);
    next.resolve(give());
  }

  function leave(one: Waiting): boolean {
    const queue = queues.get(one.caller) ?? [];
    const at = queue.indexOf(one);
    if (at === -1) return false;
    queue.splice(at, 1);
    waiting -= 1;
    if (queue.length === 0) queues.delete(one.caller);
    return true;
  }

  /** Makes room for a caller at the expense of the one who has most; false when that is the caller. */
  function displace(caller: string): boolean {
    const longest = [...queues.values()].reduce((long, queue) => (queue.length > long.length ? queue : long), []);
    const last = longest.at(-1);
    if (last === undefined || longest.length <= (queues.get(caller)?.length ?? 0) + 1) return false;
    leave(last);
    last.reject(new Displaced("displaced by a caller who waits for less"));
    return true;
  }

  return {
    get waiting() {
      return waiting;
    },
    get idle() {
      return taken === 0 && waiting === 0;
    },
    limit(limits) {
      ({ concurrent, waiting: most } = limits);
      while (taken < concurrent && waiting > 0) callNext();
    },
    take(caller, given) {
      if (taken < concurrent) return give();
      if (given.aborted) return Promise.reject(given.reason);
      if (waiting >= most && !displace(caller)) return null;
      const { promise, resolve, reject } = Promise.withResolvers<HeldPlace>();
      const one = { caller, resolve, reject };
      const queue = queues.get(caller) ?? [];
      queue.push(one);
      queues.set(caller, queue);
      waiting += 1;
      const giveUp = () => leave(one) && reject(given.reason);
      given.addEventListener("abort", giveUp);
      return promise.finally(() => given.removeEventListener("abort", giveUp));
    },
  };
}

class Turn implements HeldPlace {
  #giveBack: (() => void) | null;

  constructor(giveBack: () => void) {
    this.#giveBack = giveBack;
  }

  [Symbol.dispose](): void {
    const giveBack = this.#giveBack;
    this.#giveBack = null;
    giveBack?.();
  }
}
