import type { Ending } from "../../ending.ts";
import type { Arrival, Identity, Message, Session } from "../../facts.ts";
import { discard } from "../body.ts";
import type { ServerAnswer } from "../dispatch.ts";
import type { Outgoing, Transport } from "../transport.ts";
import { createUserSender } from "../vault/sender.ts";
import { assertionHeader } from "./assertion.ts";
import type { Credentials, OwnTokens, TokenSource } from "./credentials.ts";
import { TokenFailure } from "./token-failure.ts";

/** On whose behalf something is sent. */
export interface Caller {
  readonly identity: Identity;
  readonly arrival: Pick<Arrival, "headers">;
  readonly message: Message;
  readonly session: Pick<Session, "opensLinks">;
}

/** Sends on behalf of a caller; throws as {@link Transport.send} does, and Denials of the credentials. */
export type Send = (outgoing: Outgoing, caller: Caller) => Promise<ServerAnswer>;

/** A way to a server on which every message carries what the server is to see of its caller. */
export function createSender(
  transport: Transport,
  { tokens, users, assert }: Pick<Credentials, "tokens" | "users" | "assert">,
): Send {
  // Where all of it is static there is nothing to wait for.
  if (tokens === null && users === null && assert === null) return (outgoing) => transport.send(outgoing);
  const send = async (outgoing: Outgoing, caller: Caller, token: string | null) => {
    const headers = { ...outgoing.headers };
    if (token !== null) headers.authorization = `Bearer ${token}`;
    if (assert !== null) headers[assertionHeader] = assert(caller.identity, outgoing);
    return transport.send({ ...outgoing, headers });
  };
  if (users !== null) return createUserSender(send, users);
  if (tokens === null) return (outgoing, caller) => send(outgoing, caller, null);
  return (outgoing, caller) => sendWithToken(tokens, caller, outgoing.signal, (token) => send(outgoing, caller, token));
}

/** The same way for what the gateway asks for itself, on nobody's behalf. */
export function createOwnTransport(transport: Transport, tokens: OwnTokens | null): Transport {
  if (tokens === null) return transport;
  return {
    send(outgoing) {
      const send = (token: string) =>
        transport.send({ ...outgoing, headers: { ...outgoing.headers, authorization: `Bearer ${token}` } });
      return sendWithToken(tokens, null, outgoing.signal, send);
    },
    close: () => transport.close(),
    destroy: () => transport.destroy(),
  };
}

/**
 * A 401 is the one refusal that says that nothing was done, and the message is here as a whole: with a new token it is sent once
 * more. What comes of that is the answer, whatever it is.
 */
async function sendWithToken<Whose>(
  tokens: TokenSource<Whose>,
  whose: Whose,
  signal: Ending,
  send: (token: string) => Promise<ServerAnswer>,
): Promise<ServerAnswer> {
  const token = await take(tokens, whose, signal);
  const answer = await send(token);
  if (answer.statusCode !== 401 || !tokens.reject(token, whose)) return answer;
  void discard(answer.body);
  return send(await take(tokens, whose, signal));
}

async function take<Whose>(tokens: TokenSource<Whose>, whose: Whose, signal: Ending): Promise<string> {
  try {
    const token = tokens.obtain(whose);
    return typeof token === "string" ? token : await unlessEnded(token, signal);
  } catch (error) {
    throw error instanceof TokenFailure ? error.toDenial() : error;
  }
}

/** Others may wait for the same, so it goes on without the one who has gone. */
function unlessEnded<Value>(wanted: Promise<Value>, signal: Ending): Promise<Value> {
  const { promise, resolve, reject } = Promise.withResolvers<Value>();
  const giveUp = () => reject(signal.reason);
  if (signal.aborted) giveUp();
  signal.addEventListener("abort", giveUp);
  wanted.then(resolve, reject).finally(() => signal.removeEventListener("abort", giveUp));
  return promise;
}
