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

/**
 * Waits so long and no longer.
 *
 * @throws Error when there is no answer by then
 */
export async function answeredWithin<Answer>(ms: number, asked: Promise<Answer>): Promise<Answer> {
  const { promise, reject } = Promise.withResolvers<never>();
  // Where this process itself was held up, the answer may have come and not been read yet: immediates run after what was read.
  const timer = setTimeout(() => setImmediate(() => reject(new Error(`no answer within ${ms} ms`))), ms);
  try {
    return await Promise.race([asked, promise]);
  } finally {
    clearTimeout(timer);
  }
}
