import { setTimeout as wait } from "node:timers/promises";
import type { Act, Scene } from "./act.ts";
import type { Random } from "./random.ts";

/** The load, which can be let run and brought to rest. */
export interface Pace {
  run(): void;
  /** Begins nothing more, and resolves when all that was begun is over and no client has a connection. */
  rest(): Promise<void>;
}

/** More than that at once, and the machine is too slow for the pace. */
const maxOpen = 300;
/** After a stall, so much of what should have begun begins at once, in milliseconds. */
const maxLateMs = 100;

/** Begins acts as often as each of them asks for, the next one drawn and the pauses too. */
export function createPace(acts: readonly Act[], scene: Scene, random: Random): Pace {
  const perSecond = acts.reduce((sum, act) => sum + act.perSecond, 0);
  const open = new Set<Promise<void>>();
  let running = false;
  let loop = Promise.resolve();

  function draw(): Act | undefined {
    let left = random.fraction() * perSecond;
    return acts.find((act) => {
      left -= act.perSecond;
      return left < 0;
    });
  }

  function begin(): void {
    const act = draw();
    const own = random.branch();
    if (act === undefined) return;
    if (act.fault === true) scene.ledger.broke();
    const over: Promise<void> = act
      .run(scene, own)
      .catch((error: unknown) => scene.ledger.surprise(`${act.name}: ${error}`))
      .finally(() => open.delete(over));
    open.add(over);
  }

  async function keepBeginning(): Promise<void> {
    for (let due = performance.now(); running; ) {
      due = Math.max(due - (Math.log(1 - random.fraction()) / perSecond) * 1_000, performance.now() - maxLateMs);
      const early = due - performance.now();
      if (early > 0) await wait(early);
      if (open.size >= maxOpen) await Promise.race(open);
      begin();
    }
  }

  return {
    run() {
      running = true;
      loop = keepBeginning();
    },
    async rest() {
      running = false;
      await loop;
      await Promise.all(open);
      scene.caller.letGo();
    },
  };
}
