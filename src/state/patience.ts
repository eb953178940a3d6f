import { answeredWithin } from "../patience.ts";
import { StoreError } from "./store.ts";

/** The longest that a call waits for what it asks of a Redis, in milliseconds. */
export const callPatienceMs = 50;

/**
 * What a call asks of the store, for which people who log in would wait longer.
 *
 * @throws StoreError where there is no answer in time
 */
export async function answeredForCall<Answer>(asked: Promise<Answer>): Promise<Answer> {
  try {
    return await answeredWithin(callPatienceMs, asked);
  } catch (cause) {
    throw cause instanceof StoreError ? cause : new StoreError((cause as Error).message, { cause });
  }
}
