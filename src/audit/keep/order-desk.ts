/** Where orders are left for a running gateway, and where it leaves its answers: files in the state directory. */
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { z } from "zod";
import { replaceFile } from "../files/replaced-file.ts";
import { carryOut, type Order, OrderError, type OrderPlace, orderSchema } from "./orders.ts";

const slipSchema = z.strictObject({ id: z.uuid(), order: orderSchema });
const answerSchema = z.strictObject({ id: z.uuid(), refused: z.string().nullable() });

const pollMs = 100;

function answerPath(path: string): string {
  return `${path}.answer`;
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
    return existsSync(this.#path);
  }

  /** Carries out what was left, once. */
  async serve(): Promise<void> {
    const slip = await this.#take();
    if (slip === null) return;
    const refused = await carryOut(slip.order, this.#place).then(
      () => null,
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );
    await replaceFile(answerPath(this.#path), JSON.stringify({ id: slip.id, refused }));
  }

  /** Taken away before it is carried out: an order that ends the process is not to end the next one too. */
  async #take(): Promise<z.output<typeof slipSchema> | null> {
    if (!this.isWaitedAt) return null;
    const text = await readFile(this.#path, "utf8");
    await rm(this.#path);
    return slipSchema.parse(JSON.parse(text));
  }
}

/**
 * The operator's side: leaves an order, and waits until it was carried out.
 *
 * @param pause resolves after so many milliseconds
 * @throws OrderError when it was refused, or nobody came
 */
export async function leaveOrder(
  path: string,
  order: Order,
  patienceMs: number,
  pause: (ms: number) => Promise<unknown>,
): Promise<void> {
  const id = randomUUID();
  if (existsSync(path)) throw new OrderError(`another order waits already: ${path}`);
  await rm(answerPath(path), { force: true });
  await replaceFile(path, JSON.stringify({ id, order }));
  for (let waitedMs = 0; waitedMs < patienceMs; waitedMs += pollMs) {
    const answer = await readAnswer(path);
    if (answer?.id === id) {
      await rm(answerPath(path), { force: true });
      if (answer.refused !== null) throw new OrderError(answer.refused);
      return;
    }
    await pause(pollMs);
  }
  await rm(path, { force: true });
  throw new OrderError("the gateway did not answer; was it started by another user, or with other settings?");
}

async function readAnswer(path: string): Promise<z.output<typeof answerSchema> | null> {
  if (!existsSync(answerPath(path))) return null;
  return answerSchema.parse(JSON.parse(await readFile(answerPath(path), "utf8")));
}
