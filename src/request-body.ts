import { collectBytes } from "./bytes.ts";
import { asDenial, Denial } from "./denial.ts";
import type { Arrival } from "./facts.ts";

/** How large a body may be, and how long it may take. */
export interface BodyLimits {
  readonly maxBytes: number;
  readonly bodyTimeoutMs: number;
}

/**
 * Collects the body up to the cap; nothing is looked at before all of it is here.
 *
 * @throws Denial `body_too_large`, `request_timeout`, and the reason of a visit that ended
 */
export function readBody({ message, ended }: Arrival, limits: BodyLimits): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const collected = collectBytes(limits.maxBytes);
  const giveUp = () => {
    if (!message.readableEnded) refuse(ended.aborted ? asDenial(ended.reason) : new Denial("client_gone"));
  };
  const timer = setTimeout(() => refuse(new Denial("request_timeout", { detail: "body" })), limits.bodyTimeoutMs);
  const finish = () => {
    clearTimeout(timer);
    ended.removeEventListener("abort", giveUp);
  };
  const refuse = (denial: Denial) => {
    finish();
    reject(denial);
  };
  message.on("data", (chunk: Buffer) => {
    if (!collected.add(chunk)) refuse(new Denial("body_too_large"));
  });
  message.on("end", () => {
    finish();
    resolve(collected.bytes());
  });
  message.on("error", giveUp).on("close", giveUp);
  ended.addEventListener("abort", giveUp);
  if (ended.aborted) giveUp();
  return promise;
}
