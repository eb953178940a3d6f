import type { Trail } from "../audit/trail.ts";
import { asDenial, Denial } from "../denial.ts";
import type { Door, Doors } from "../doors/doors.ts";
import { createDoorReply } from "../doors/reply.ts";
import { asSignal, type Ending } from "../ending.ts";
import type { Arrival, RpcId } from "../facts.ts";
import { callKey, type OpenCalls } from "../limits/calls.ts";
import { renderEvent } from "../mcp/sse.ts";
import type { Known } from "../relay/exchange.ts";
import type { StandingStreams, ViewOf } from "../relay/standing.ts";
import type { Reply } from "../reply.ts";

/**
 * Opens a door for a client of 2024-11-05 and holds it until the client goes, or the gateway ends it: what the client posts
 * walks the same corridor, and is answered on this stream (MCP 2024-11-05, Transports, HTTP with SSE).
 *
 * @throws Denial for why it closed, which it always does: `client_gone`, `draining` and the like
 * @param finishMs how long calls may still take once their door has to close, in milliseconds
 */
export async function holdDoor(
  { doors, standing, finishMs }: { doors: Doors; standing: StandingStreams; finishMs: number },
  { arrival, route, identity, decision }: Pick<Known, "arrival" | "route" | "identity" | "decision">,
  reply: Reply,
  trail: Trail,
): Promise<void> {
  await trail.open({ http: 200 });
  const stream = reply.openStream({});
  const { server } = route;
  const door = doors.open({ server, identity, arrival, stream });
  // Who may not speak to the server any more has nothing to listen to.
  const reconsider = (viewOf: ViewOf) =>
    !decision.sight.by(viewOf(identity, server)).sees({ kind: "server" }) && door.close(new Denial("policy_denied"));
  using _standing = standing.add(null, reconsider, () => door.close(new Denial("draining")));
  try {
    // A path, which the client resolves against the address it came by.
    const data = `/${server}/messages/${door.id}`;
    await stream.write(renderEvent({ id: null, type: "endpoint", data, retryMs: null }));
    await aborted(AbortSignal.any([asSignal(arrival.ended), door.closed]));
    // Where the client has not gone, it still waits for what it has asked.
    if (!door.closed.aborted && !isGone(arrival.ended)) await finish(door, arrival, finishMs);
  } finally {
    door.close(arrival.ended.aborted ? asDenial(arrival.ended.reason) : new Denial("client_gone"));
    await stream.end();
  }
  throw asDenial(door.closed.reason);
}

async function finish(door: Door, { message }: Arrival, finishMs: number): Promise<void> {
  const over = Promise.withResolvers<void>();
  const timer = setTimeout(over.resolve, finishMs).unref();
  // The signal of the visit has told of its end already, and tells of nothing after that.
  message.socket.once("close", over.resolve);
  await Promise.race([door.finish(), aborted(door.closed), over.promise]);
  clearTimeout(timer);
  // The connection may go on to carry other requests.
  message.socket.off("close", over.resolve);
}

/**
 * Takes a message into its conversation: what was posted to a door is accepted, to be answered there, and a request can be
 * called off from now on, also while its stream is resumed.
 *
 * @throws Denial `method_not_allowed` for the rest of what was called off
 * @returns what ends with the visit
 */
export async function enter(
  { calls }: { calls: OpenCalls },
  { arrival, route, identity, message, session }: Omit<Known, "decision">,
  reply: Reply,
): Promise<Disposable> {
  const { door } = session;
  // Without a session ids are nobody's: another client of the same user may count from 1 as well.
  if (door === null && session.upstreamId === null) return nothing;
  using ends = new DisposableStack();
  if (door !== null) {
    door.take(arrival.requestId);
    await reply.divert(createDoorReply(door));
    // Given up at the end: a door may live for days and take millions of messages.
    const leave = () => arrival.interrupt(asDenial(door.closed.reason));
    door.closed.addEventListener("abort", leave);
    ends.defer(() => door.closed.removeEventListener("abort", leave));
    if (door.closed.aborted) leave();
  }
  const keyOf = (id: RpcId) => callKey(route.server, identity, session, id);
  // A server need not answer what was called off (2025-11-25, Cancellation), nor hear of it: nobody waits any longer.
  if (message.kind === "notification" && message.cancels !== null) {
    calls.cancel(keyOf(message.cancels), new Denial("client_cancelled"));
  }
  // In the stateless revision the end of the connection calls a request off (2026-07-28, Cancellation).
  if (message.era === "modern") return ends.move();
  const id = message.kind === "request" ? message.id : session.resume?.pending?.id;
  if (id === undefined) return ends.move();
  // Clients resume every stream that ends without an answer. This one would stand as long as its session, for no answer will come.
  if (message.kind === "listen" && calls.wasCancelled(keyOf(id))) {
    throw new Denial("method_not_allowed", { allow: "POST, DELETE", detail: "the rest of a call that was called off" });
  }
  ends.use(calls.enter(keyOf(id), arrival.interrupt));
  return ends.move();
}

const nothing: Disposable = { [Symbol.dispose]() {} };

function isGone({ reason }: Ending): boolean {
  return reason instanceof Denial && reason.code === "client_gone";
}

function aborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => resolve(), { once: true });
  if (signal.aborted) resolve();
  return promise;
}
