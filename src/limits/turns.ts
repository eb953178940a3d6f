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

/** One request that waits, in the queue of its caller. */
interface Waiting {
  readonly caller: string;
  readonly resolve: (place: HeldPlace) => void;
  readonly reject: (reason: unknown) => void;
}

/** Places that are all free. Who waits is served caller by caller, in turn, and of one caller in the order of asking. */
export function createTurns(first: TurnLimits): Turns {
  let { concurrent, waiting: mostWaiting } = first;
  /** By caller. A Map keeps the order of insertion: the first queue is called next, and then put at the end. */
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
    const [nextQueue] = queues;
    if (nextQueue === undefined || taken >= concurrent) return;
    const [caller, queue] = nextQueue;
    const [next] = queue;
    if (next === undefined) return;
    queues.delete(caller);
    queues.set(caller, queue);
    leave(next);
    next.resolve(give());
  }

  /** False for one that does not wait any more. */
  function leave(one: Waiting): boolean {
    const queue = queues.get(one.caller) ?? [];
    const at = queue.indexOf(one);
    if (at === -1) return false;
    queue.splice(at, 1);
    waiting -= 1;
    if (queue.length === 0) queues.delete(one.caller);
    return true;
  }

  /** Sends away the last request of the longest queue; false where the caller's own, with one more, would be as long. */
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
      ({ concurrent, waiting: mostWaiting } = limits);
      while (taken < concurrent && waiting > 0) callNext();
    },
    take(caller, given) {
      if (taken < concurrent) return give();
      if (given.aborted) return Promise.reject(given.reason);
      if (waiting >= mostWaiting && !displace(caller)) return null;
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

/** A place that is given back once, however often it is disposed of. */
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
