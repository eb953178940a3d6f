/** Where orders are left for a running gateway, and where it leaves its answers: files in the audit directory. */
import { randomUUID } from "node:crypto";
import { lstatSync } from "node:fs";
import { rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { z } from "zod";
import { readPlainFile } from "../files/plain-file.ts";
import { makeFile, replaceFile } from "../files/replaced-file.ts";
import { carryOut, type Order, OrderError, type OrderPlace, orderSchema } from "./orders.ts";

const slipSchema = z.strictObject({
  id: z.uuid(),
  /** When whoever left it has gone; milliseconds since the epoch. */
  untilMs: z.int(),
  order: orderSchema,
});
const answerSchema = z.strictObject({ refused: z.string().nullable() });

type Slip = z.output<typeof slipSchema>;

const pollMs = 100;
/** Orders name files. */
const maxBytes = 4_194_304;

/** Each order has an answer of its own: nobody takes away that of another. */
function answerPath(path: string, id: string): string {
  return `${path}.${id}.answer`;
}

/** The gateway's side. */
export class OrderDesk {
  readonly #path: string;
  readonly #place: OrderPlace;

  /** @param path of the file that orders come in */
  constructor(path: string, place: OrderPlace) {
    this.#path = path;
    this.#place = place;
  }

  get isWaitedAt(): boolean {
    return lstatSync(this.#path, { throwIfNoEntry: false }) !== undefined;
  }

  /**
   * Carries out what was left, once.
   *
   * @throws Error when that is no order, or not one of whom the directory belongs to; it is thrown away
   */
  async serve(): Promise<void> {
    const slip = await this.#take();
    if (slip === null) return;
    const refused = await this.#carryOut(slip).then(
      () => null,
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );
    await replaceFile(answerPath(this.#path, slip.id), JSON.stringify({ refused }));
  }

  /** Nobody is there to be told what became of one that has lain here, and they may have thought better of it. */
  async #carryOut({ order, untilMs }: Slip): Promise<void> {
    if (this.#place.now().getTime() > untilMs) throw new OrderError("the order came too late");
    await carryOut(order, this.#place);
  }

  /** Taken away before it is carried out: an order that ends the process is not to end the next one too. */
  async #take(): Promise<Slip | null> {
    if (!this.isWaitedAt) return null;
    try {
      return await this.#read();
    } catch (cause) {
      throw new OrderError(`${this.#path} was no order, and is thrown away`, { cause });
    } finally {
      await rm(this.#path, { force: true, recursive: true });
    }
  }

  async #read(): Promise<Slip | null> {
    const user = process.geteuid?.();
    const file = await readPlainFile(this.#path, maxBytes);
    if (file === null) return null;
    const { uid, mode } = file.stats;
    // That somebody may write in the directory does not make them the operator. Root obeys whom the directory belongs to as well.
    const isOurs = uid === user || (user === 0 && uid === (await stat(dirname(this.#path))).uid);
    if (user !== undefined && !(isOurs && (mode & 0o022) === 0)) throw new Error("somebody else may have written it");
    return slipSchema.parse(JSON.parse(file.text));
  }
}

/** How long the operator waits. */
export interface Patience {
  readonly patienceMs: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Resolves after so many milliseconds. */
  readonly pause: (ms: number) => Promise<unknown>;
}

/**
 * The operator's side: leaves an order, and waits until it was carried out.
 *
 * @throws OrderError when it was refused, or nobody came
 */
export async function leaveOrder(path: string, order: Order, { patienceMs, now, pause }: Patience): Promise<void> {
  const id = randomUUID();
  const slip: Slip = { id, untilMs: now() + patienceMs, order };
  if (!(await makeFile(path, JSON.stringify(slip)))) throw new OrderError(`another order waits already: ${path}`);
  for (let waitedMs = 0; waitedMs < patienceMs; waitedMs += pollMs) {
    const answer = await takeAnswer(answerPath(path, id));
    if (answer !== null) {
      if (answer.refused !== null) throw new OrderError(answer.refused);
      return;
    }
    await pause(pollMs);
  }
  throw new OrderError(
    (await takeBack(path, id))
      ? "the gateway did not answer; was it started by another user, or with other settings?"
      : "the gateway took the order and has not said what became of it: look into the trail, or give the order again",
  );
}

async function takeAnswer(path: string): Promise<z.output<typeof answerSchema> | null> {
  const file = await readPlainFile(path, maxBytes);
  if (file === null) return null;
  await rm(path, { force: true });
  return answerSchema.parse(JSON.parse(file.text));
}

/** Whether the order lay there still: what lies there may be that of another. */
async function takeBack(path: string, id: string): Promise<boolean> {
  const file = await readPlainFile(path, maxBytes);
  if (file?.text.includes(id) !== true) return false;
  await rm(path, { force: true });
  return true;
}
