/** What an exchange with a server may bring back, and what every judgement of it rests on. */

import { Denial } from "../denial.ts";
import type { Pending } from "../facts.ts";
import type { Sight } from "../policy/sight.ts";
import type { Era } from "./era.ts";
import { findKeyTwin } from "./json.ts";
import { clientRequestMethods } from "./methods.ts";
import type { JsonObject } from "./object.ts";

/** What the exchange may bring back. */
export interface Expectation {
  /** The request whose answer is owed; null on a standalone stream. */
  readonly pending: Pending | null;
  readonly era: Era;
  readonly sight: Sight;
  /** Kinds of requests that the server may send to the client. */
  readonly clientRequests: ReadonlySet<string>;
  /** What a subscription asked for; null where there is none. */
  readonly filter: Readonly<Record<string, unknown>> | null;
  readonly handles: Handles;
}

/** The form in which the client knows what the server gives out (handles.ts). */
export interface Handles {
  /** @param method the list's */
  cursor(method: string, cursor: string): string;
  state(pending: Pending, state: string): string;
  /** A task that the pending request has begun. */
  begin(pending: Pending, taskId: string): string;
  /** A task that the client has begun, or asks about; undefined for any other. */
  task(taskId: string): string | undefined;
  /** The id of a request of the server, from its JSON text. */
  request(idText: string): string;
}

/** Whether the client may be asked by this method. */
export function mayAsk(method: string, { clientRequests }: Pick<Expectation, "clientRequests">): boolean {
  return clientRequestMethods.get(method)?.some((kind) => clientRequests.has(kind)) ?? false;
}

/** Parsers that ignore case would find another member than the one that was judged, and show what was cut out. */
export function refuseTwins(object: JsonObject, names: ReadonlySet<string>): void {
  if (findKeyTwin(object, names) !== undefined) throw malformed("a member that looks like another");
}

/** For a server's message that breaks the protocol; the detail is for the operator alone. */
export function malformed(detail: string): Denial {
  return new Denial("upstream_malformed", { detail });
}
