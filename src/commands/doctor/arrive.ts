/** The steps that are the same for every client: to reach the gateway, and to be asked for a token. */
import { connect } from "node:net";
import { isUntrusted } from "../../network/verified.ts";
import { initialize, send } from "./call.ts";
import { challengeParameter, judgeChallenge } from "./challenge.ts";
import { isFatal, type Step } from "./finding.ts";
import { judgeArrival, judgeFailure } from "./reach.ts";
import type { Answer, Line } from "./wire.ts";
import type { Arrived, World } from "./world.ts";

/** Nobody is there to be examined. */
export class NotRunning extends Error {
  override readonly name = "NotRunning";
}

/** Ways to the gateway: as clients trust, and with its own certificate, whoever signed it; null where it has none. */
export interface Lines {
  readonly trusted: Line;
  readonly pinned: Line | null;
}

/**
 * @returns null where clients get no further
 * @throws NotRunning
 */
export async function* arrive(world: World, { trusted, pinned }: Lines): AsyncGenerator<Step, Arrived | null> {
  const { config, server, url } = world;
  const first = await knock(trusted, url);
  let [line, challenge] = [trusted, first];
  if (typeof first === "string") {
    const { host, port } = config.listen.address;
    const listens = port !== 0 && (await accepts(host, port));
    if (!listens && first === "ECONNREFUSED") {
      throw new NotRunning(`nothing answers at ${url}, nor at listen.address: start the gateway (sallyport serve)`);
    }
    yield { client: null, step: "connect", ...judgeFailure(first, url, config, listens) };
    if (!isUntrusted(first) || pinned === null) return null;
    // What else there is to find should not wait for a certificate; that it is the gateway's own is sure.
    challenge = await knock(pinned, url);
    line = pinned;
    if (typeof challenge === "string") return null;
  }
  const arrival = judgeArrival(challenge as Answer, url);
  if (line === trusted || isFatal(arrival)) yield { client: null, step: "connect", ...arrival };
  if (isFatal(arrival)) return null;
  const found = judgeChallenge(challenge as Answer, url, { publicUrl: config.publicUrl, server });
  yield { client: null, step: "challenge", ...found };
  return found.outcome === "problem" ? null : { ask: line.ask, challenge: challenge as Answer };
}

/** @returns the code of the failure, where there is no answer */
async function knock({ ask }: Line, url: string): Promise<Answer | string> {
  try {
    return await send(ask, url, { id: 1, ...initialize });
  } catch (error) {
    return codeOf(error);
  }
}

/** A name with several addresses fails with all their errors at once. */
export function codeOf(error: unknown): string {
  const { code, errors, cause, message } = error as NodeJS.ErrnoException & { errors?: unknown[] };
  if (code !== undefined) return code;
  if (errors?.[0] !== undefined) return codeOf(errors[0]);
  return cause === undefined ? message : codeOf(cause);
}

async function accepts(host: string, port: number): Promise<boolean> {
  const socket = connect({ host: host === "0.0.0.0" || host === "::" ? "localhost" : host, port });
  const { promise, resolve } = Promise.withResolvers<boolean>();
  socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
  return promise.finally(() => socket.destroy());
}

/** Where the challenge says that the metadata is. */
export function namedMetadata({ challenge }: Arrived): string | undefined {
  return challengeParameter(challenge.headers["www-authenticate"], "resource_metadata");
}
