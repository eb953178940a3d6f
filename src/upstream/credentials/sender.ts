import type { Arrival, Identity } from "../../facts.ts";
import type { Answer } from "../dispatch.ts";
import type { Outgoing, Transport } from "../transport.ts";
import { assertionHeader } from "./assertion.ts";
import type { Credentials } from "./credentials.ts";

/** On whose behalf something is sent. */
export interface Caller {
  readonly identity: Identity;
  readonly arrival: Pick<Arrival, "headers">;
}

/** Sends on behalf of a caller; throws as {@link Transport.send} does, and Denials of the credentials. */
export type Send = (outgoing: Outgoing, caller: Caller) => Promise<Answer>;

/** A way to a server on which every message carries what the server is to see of its caller. */
export function createSender(transport: Transport, { assert }: Credentials): Send {
  // Where all of it is static there is nothing to wait for.
  if (assert === null) return (outgoing) => transport.send(outgoing);
  return async (outgoing, { identity }) => {
    const headers = { ...outgoing.headers, [assertionHeader]: assert(identity, outgoing) };
    return transport.send({ ...outgoing, headers });
  };
}
