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
